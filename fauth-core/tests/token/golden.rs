//! Tokens of the Python systems that fauth takes over from, and the few on which it judges
//! otherwise on purpose.

use std::{fs, time::Duration};

use fauth_core::{
    AuthConfig, AuthConfigBuilder, Purpose, TokenRequest,
    token::{TokenError, TokenProfile},
};
use fauth_testing::{ManualClock, Users, at_once};
use serde_json::Value;

use super::support::*;

use TokenError::{
    BadSignature, Expired, MissingClaim, NotYetValid, UnacceptableLifetime, WrongAlgorithm, WrongAudience,
};

/// The tokens of the files last until 2100; no real one of the original did.
const UNTIL_2100: Duration = Duration::from_secs(75 * 366 * 86_400);

fn fauth() -> Value {
    read_json(&golden().join("fauth.json"))
}

fn provider(config: AuthConfigBuilder, now: i64) -> Auth {
    let clock = ManualClock::new();
    clock.set(fauth_core::clock::Timestamp::from_unix_seconds(now));
    fauth_testing::provider_with(config.build().unwrap(), &Users::new()).clock(clock).build().unwrap()
}

/// The secret of these files is a phrase, as those of old systems often are.
fn with_secret_of(file: &Value) -> AuthConfigBuilder {
    AuthConfig::builder().secret(text(file, "secret")).danger_allow_short_secret()
}

/// A provider that has the secret of this file and accepts its long lifetimes.
fn reader(file: &Value, profile: TokenProfile) -> Auth {
    let config = with_secret_of(file).token_profile(profile);
    let config = Purpose::ALL
        .into_iter()
        .filter(|purpose| *purpose != Purpose::Session)
        .fold(config, |config, purpose| config.danger_max_lifetime(purpose, UNTIL_2100));
    provider(config, NOW)
}

fn tokens(file: &Value) -> &[Value] {
    file["tokens"].as_array().unwrap()
}

fn named<'a>(file: &'a Value, name: &str) -> &'a str {
    text(tokens(file).iter().find(|case| case["name"] == name).unwrap(), "token")
}

fn wrong_purpose(expected: Purpose, actual: Option<Purpose>) -> TokenError {
    TokenError::WrongPurpose { expected, actual }
}

#[test]
fn every_token_of_the_original_has_its_verdict() {
    let file = fauth();
    let expected = [
        ("access", Ok(())),
        ("password_reset", Ok(())),
        ("access with scopes and extra", Ok(())),
        ("expired", Err(Expired)),
        ("HS512", Err(WrongAlgorithm)),
        ("nbf future", Err(NotYetValid)),
        ("aud present", Err(WrongAudience)),
        // In the original these two ended in a 500.
        ("missing exp", Err(MissingClaim("exp"))),
        ("missing token_type", Err(MissingClaim("token_type"))),
    ];
    assert_eq!(tokens(&file).len(), expected.len());
    for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let auth = reader(&file, profile);
        for (case, (name, expected)) in tokens(&file).iter().zip(&expected) {
            assert_eq!(text(case, "name"), *name);
            assert_eq!(case["decode_ok"], expected.is_ok(), "{name}: the original says otherwise");
            let kind = case["claims"].get("token_type").and_then(Value::as_str).unwrap_or("access");
            let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == kind).unwrap();
            check_as(&auth, purpose, text(case, "token"), expected);
        }
    }
}

#[test]
fn an_accepted_token_says_what_went_in() {
    let file = fauth();
    let auth = reader(&file, TokenProfile::PythonFauth);
    let case = &tokens(&file)[2];
    let payload = auth.verify_signature_and_claims(text(case, "token"), Purpose::Access).unwrap();
    assert_eq!(payload.subject(), "user-123");
    assert_eq!(payload.scopes(), ["read", "write"]);
    for (name, value) in case["claims"].as_object().unwrap() {
        assert_eq!(payload.claim::<Value>(name).unwrap().as_ref(), Some(value), "{name}");
    }
}

/// The original looked at the signature and the times only, so that every token opened every route.
#[test]
fn only_an_access_token_opens_a_route() {
    const DIFFERENT: [(&str, &str); 1] =
        [("password_reset", "a token for a new password is none for the rest of the service")];
    let file = fauth();
    for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let auth = reader(&file, profile);
        let different = tokens(&file).iter().filter(|case| {
            let accepted = auth.verify_signature_and_claims(text(case, "token"), Purpose::Access).is_ok();
            case["decode_ok"] != accepted
        });
        let different: Vec<_> = different.map(|case| text(case, "name")).collect();
        assert_eq!(different, DIFFERENT.map(|(name, _)| name));

        let reset = named(&file, "password_reset");
        let refused = Err(wrong_purpose(Purpose::Access, Some(Purpose::PasswordReset)));
        check(&auth, reset, &refused);
        check_as(
            &auth,
            Purpose::Refresh,
            reset,
            &Err(wrong_purpose(Purpose::Refresh, Some(Purpose::PasswordReset))),
        );
        check_as(&auth, Purpose::PasswordReset, reset, &Ok(()));
    }
    // The file has no refresh token; ours of the same format is as good.
    let auth = reader(&file, TokenProfile::PythonFauth);
    let refresh = at_once(auth.issue(Purpose::Refresh, "user-123")).unwrap();
    check_as(&auth, Purpose::Refresh, refresh.expose(), &Ok(()));
    let refused = Err(wrong_purpose(Purpose::Access, Some(Purpose::Refresh)));
    check(&auth, refresh.expose(), &refused);
    check(&reader(&file, TokenProfile::PythonFauthMigration), refresh.expose(), &refused);
}

#[test]
fn the_standard_profile_reads_none_of_them() {
    let file = fauth();
    let auth = reader(&file, TokenProfile::Standard);
    for case in tokens(&file) {
        let reason = match text(case, "name") {
            "HS512" => WrongAlgorithm,
            _ => wrong_purpose(Purpose::Access, None),
        };
        check(&auth, text(case, "token"), &Err(reason));
    }
}

#[test]
fn without_a_raised_ceiling_no_token_lasts_until_2100() {
    let file = fauth();
    let config = with_secret_of(&file).token_profile(TokenProfile::PythonFauth);
    let auth = provider(config, NOW);
    check(&auth, named(&file, "access"), &Err(UnacceptableLifetime));
}

#[test]
fn our_tokens_are_written_like_theirs_to_the_byte() {
    let file = fauth();
    let example = text(&file, "raw_payload_json_example");
    let expected: Value = serde_json::from_str(example).unwrap();
    let config = with_secret_of(&file).token_profile(TokenProfile::PythonFauth);
    let auth = provider(config, expected["iat"].as_i64().unwrap());
    let request = TokenRequest::for_subject("user-123").scope("a").claim("tenant_id", "acme");
    let token = at_once(auth.issue(Purpose::Access, request)).unwrap();
    let [header, payload, _] = segments(token.expose());
    assert_eq!(decode(header), text(&file, "raw_header_json"));
    let id = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap().token_id().to_owned();
    assert_eq!(decode(payload).replace(&id, text(&expected, "jti")), example);
}

/// The original noticed none of these before the first request.
#[test]
fn configurations_that_the_original_took_are_refused() {
    let refused = |secret: &str| {
        let config = AuthConfig::builder().secret(secret).token_profile(TokenProfile::PythonFauth);
        assert_eq!(config.build().unwrap_err().field(), "secret");
    };
    refused("");
    refused("short");
    refused(text(&fauth(), "secret"));
    let pem = fs::read_to_string(golden().join("caracal_kid1.pem")).unwrap();
    refused(&pem);
    let rs256 = AuthConfig::from_vars(|name| match name {
        "FAUTH_ALGORITHM" => Some("RS256".to_owned()),
        "FAUTH_SECRET_KEY" => Some(pem.clone()),
        _ => None,
    });
    assert_eq!(rs256.unwrap_err().field(), "FAUTH_ALGORITHM");
}

/// fastware's tokens say neither what they are for nor which they are, and one of them lasts for
/// ever.
#[test]
fn the_tokens_of_fastware_are_refused() {
    const DIFFERENT: [(&str, &str); 2] = [
        ("valid admin", "no `token_type` and no `jti`: it could be a token for anything"),
        ("no exp (accepted!)", "as above, and a token without an end could never be got rid of"),
    ];
    let file = read_json(&golden().join("fastware.json"));
    for profile in [TokenProfile::Standard, TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let auth = reader(&file, profile);
        for case in tokens(&file) {
            let reason = match (text(case, "name"), profile) {
                ("wrong secret", _) => BadSignature,
                (_, TokenProfile::Standard) => wrong_purpose(Purpose::Access, None),
                _ => MissingClaim("token_type"),
            };
            check(&auth, text(case, "token"), &Err(reason));
        }
    }
    let different = tokens(&file).iter().filter(|case| case["verify_ok"] == true);
    assert_eq!(different.map(|case| text(case, "name")).collect::<Vec<_>>(), DIFFERENT.map(|(name, _)| name));
}
