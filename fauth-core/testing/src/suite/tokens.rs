//! Which tokens open a route. The verifier's own tests go further; these show that nothing is lost
//! on the way through a framework.

use std::time::Duration;

use fauth_core::{
    AuthConfig, OneTimePurpose, Purpose, TokenRequest,
    token::{Algorithm, Key, TokenProfile},
};

use super::cases;
use crate::{ManualClock, SECRET, sign, sign_with, suite::Probe};

const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

/// Claims that are valid at the start of the manual clock, with the members of `change` replaced.
fn claims(change: &str) -> String {
    let now = ManualClock::START.unix_seconds();
    let mut claims = format!(
        r#"{{"sub":"alice","exp":{},"iat":{now},"jti":"one","token_type":"access","scopes":["read"],"app":"default"}}"#,
        now + 900
    );
    let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&claims).unwrap();
    let changes: serde_json::Map<String, serde_json::Value> = serde_json::from_str(change).unwrap();
    for (name, value) in changes {
        if value == "remove" {
            all.remove(&name)
        } else {
            all.insert(name, value)
        };
    }
    claims.clear();
    claims.push_str(&serde_json::to_string(&all).unwrap());
    claims
}

cases! { $ __tokens_tests in tokens;
    /// F-01: a refresh token opens nothing.
    fn a_refresh_token_is_refused(t) {
        t.get("/me").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
        t.get("/group/dashboard").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
    }

    /// F-01
    fn a_password_reset_token_is_refused(t) {
        t.get("/me").bearer(t.one_time_token(OneTimePurpose::PasswordReset, "alice")).send().refused(401, "invalid_token");
        t.get("/maybe").bearer(t.one_time_token(OneTimePurpose::PasswordReset, "alice")).send().refused(401, "invalid_token");
    }

    /// F-01
    fn an_email_verification_token_is_refused(t) {
        t.get("/me").bearer(t.one_time_token(OneTimePurpose::EmailVerification, "alice")).send().refused(401, "invalid_token");
    }

    fn a_token_signed_by_hand_is_accepted(t) {
        // The positive case beside the forgeries below.
        t.get("/me").bearer(sign(HEADER, &claims("{}"))).send().is(200).says("Hello alice");
    }

    /// F-02, W-11: a missing claim is refused without an error.
    fn a_missing_claim_is_401(t) {
        for name in ["sub", "exp", "iat", "jti", "token_type", "app"] {
            let token = sign(HEADER, &claims(&format!("{{\"{name}\":\"remove\"}}")));
            t.get("/me").bearer(token).send().refused(401, "invalid_token");
        }
    }

    /// F-02: so is one of the wrong type.
    fn an_ill_typed_claim_is_401(t) {
        for change in [
            r#"{"sub":1}"#, r#"{"sub":null}"#, r#"{"sub":""}"#, r#"{"sub":["alice"]}"#, r#"{"exp":"4102444800"}"#,
            r#"{"exp":null}"#, r#"{"exp":true}"#, r#"{"iat":"0"}"#, r#"{"jti":1}"#, r#"{"jti":""}"#, r#"{"nbf":"soon"}"#,
            r#"{"nbf":null}"#, r#"{"token_type":1}"#, r#"{"token_type":"Access"}"#, r#"{"token_type":"id"}"#,
            r#"{"scopes":"read"}"#, r#"{"scopes":[1]}"#, r#"{"scopes":null}"#, r#"{"app":1}"#, r#"{"app":null}"#,
            r#"{"app":["default"]}"#,
        ] {
            t.get("/me").bearer(sign(HEADER, &claims(change))).send().refused(401, "invalid_token");
        }
    }

    fn a_duplicate_claim_is_401(t) {
        let twice = claims("{}").replacen("\"sub\":\"alice\"", "\"sub\":\"bob\",\"sub\":\"alice\"", 1);
        t.get("/me").bearer(sign(HEADER, &twice)).send().refused(401, "invalid_token");
        let escaped = claims("{}").replacen("\"sub\":\"alice\"", "\"sub\":\"bob\",\"\\u0073ub\":\"alice\"", 1);
        t.get("/me").bearer(sign(HEADER, &escaped)).send().refused(401, "invalid_token");
    }

    fn a_token_without_signature_is_401(t) {
        let token = sign(HEADER, &claims("{}"));
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        t.get("/me").bearer(format!("{unsigned}.")).send().refused(401, "invalid_token");
        t.get("/me").bearer(unsigned).send().refused(401, "invalid_token");
    }

    fn alg_none_is_401(t) {
        for none in ["none", "None", "NONE", "nOnE"] {
            let token = sign(&format!(r#"{{"alg":"{none}","typ":"at+jwt"}}"#), &claims("{}"));
            t.get("/me").bearer(&token).send().refused(401, "invalid_token");
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            t.get("/me").bearer(format!("{unsigned}.")).send().refused(401, "invalid_token");
        }
    }

    fn another_algorithm_is_401(t) {
        let header = r#"{"alg":"HS512","typ":"at+jwt"}"#;
        let token = sign_with(Algorithm::HS512, SECRET.as_bytes(), header, claims("{}"));
        t.get("/me").bearer(token).send().refused(401, "invalid_token");
    }

    fn another_secret_is_401(t) {
        let token = sign_with(Algorithm::HS256, b"another-secret-of-32-bytes-or-more!", HEADER, claims("{}"));
        t.get("/me").bearer(token).send().refused(401, "invalid_token");
        let empty = sign_with(Algorithm::HS256, b"", HEADER, claims("{}"));
        t.get("/me").bearer(empty).send().refused(401, "invalid_token");
    }

    fn a_changed_token_is_401(t) {
        let token = t.access("bob");
        let forged = sign_with(Algorithm::HS256, b"x", HEADER, claims("{}"));
        let (_, signature) = token.rsplit_once('.').unwrap();
        let (claims_of_alice, _) = forged.rsplit_once('.').unwrap();
        t.get("/me").bearer(format!("{claims_of_alice}.{signature}")).send().refused(401, "invalid_token");
    }

    fn a_truncated_signature_is_401(t) {
        let token = t.access("alice");
        t.get("/me").bearer(&token[..token.len() - 4]).send().refused(401, "invalid_token");
        t.get("/me").bearer(format!("{token}AAAA")).send().refused(401, "invalid_token");
    }

    fn a_critical_extension_is_401(t) {
        for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null", "true"] {
            let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","crit":{crit}}}"#);
            t.get("/me").bearer(sign(&header, &claims("{}"))).send().refused(401, "invalid_token");
        }
    }

    fn a_key_in_the_header_is_401(t) {
        for member in [r#""jwk":{"kty":"oct","k":"AAAA"}"#, r#""jku":"https://evil.example/""#, r#""x5u":"/etc/passwd""#, r#""x5c":[]"#] {
            let header = format!(r#"{{"alg":"HS256","typ":"at+jwt",{member}}}"#);
            t.get("/me").bearer(sign(&header, &claims("{}"))).send().refused(401, "invalid_token");
        }
    }

    fn an_unknown_key_id_is_401(t) {
        for kid in [r#""other""#, r#""../../etc/passwd""#, "1", "null", r#""' OR 1=1 --""#] {
            let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":{kid}}}"#);
            t.get("/me").bearer(sign(&header, &claims("{}"))).send().refused(401, "invalid_token");
        }
    }

    fn another_type_in_the_header_is_401(t) {
        for header in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"HS256","typ":"refresh+jwt"}"#] {
            t.get("/me").bearer(sign(header, &claims("{}"))).send().refused(401, "invalid_token");
        }
    }

    fn thousands_of_dots_are_401(t) {
        t.get("/me").bearer(".".repeat(8000)).send().refused(401, "invalid_token");
        t.get("/me").bearer(format!("a{}", ".a".repeat(4)).as_str()).send().refused(401, "invalid_token");
    }

    fn an_expired_token_is_401(t) {
        let token = t.access("alice");
        t.clock.advance(Duration::from_secs(15 * 60 - 1));
        t.get("/me").bearer(&token).send().is(200);
        t.clock.advance(Duration::from_secs(1));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
    }

    /// W-03: a token must expire.
    fn a_token_that_never_expires_is_401(t) {
        t.get("/me").bearer(sign(HEADER, &claims(r#"{"exp":"remove"}"#))).send().refused(401, "invalid_token");
        t.get("/me").bearer(sign(HEADER, &claims(r#"{"exp":253402300799}"#))).send().refused(401, "invalid_token");
        t.get("/me").bearer(sign(HEADER, &claims(r#"{"exp":1e300}"#))).send().refused(401, "invalid_token");
    }

    fn a_token_from_the_future_is_401(t) {
        let now = ManualClock::START.unix_seconds();
        for (name, ahead, status) in [("nbf", 30, 200), ("nbf", 31, 401), ("iat", 30, 200), ("iat", 31, 401)] {
            let token = sign(HEADER, &claims(&format!("{{\"{name}\":{}}}", now + ahead)));
            t.get("/me").bearer(token).send().is(status);
        }
    }

    /// The clock went back: a token issued "later" is refused.
    fn a_clock_that_jumps_back_refuses(t) {
        t.clock.advance(Duration::from_secs(3600));
        let token = t.access("alice");
        t.clock.set(ManualClock::START);
        t.get("/me").bearer(token).send().refused(401, "invalid_token");
    }

    /// Rule 20 of the verifier: the loader may be slow.
    fn a_token_that_expires_while_the_user_is_loaded_is_401(t) {
        let token = t.access("alice");
        t.clock.advance(Duration::from_secs(15 * 60 - 1));
        t.get("/me").bearer(&token).send().is(200);
        t.users.time_passes(&t.clock, Duration::from_secs(1));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
    }

    fn an_audience_nobody_configured_is_401(t) {
        t.get("/me").bearer(sign(HEADER, &claims(r#"{"aud":"api"}"#))).send().refused(401, "invalid_token");
    }

    fn issuer_and_audience_are_demanded_once_configured(t) {
        let config = AuthConfig::builder().secret(SECRET).issuer("me").audience("api").build().unwrap();
        t = Probe::with(config, |builder| builder);
        t.get("/me").bearer(t.access("alice")).send().is(200);
        t.get("/me").bearer(sign(HEADER, &claims(r#"{"iss":"me","aud":["web","api"]}"#))).send().is(200);
        for change in [
            "{}", r#"{"iss":"me"}"#, r#"{"aud":"api"}"#, r#"{"iss":"you","aud":"api"}"#, r#"{"iss":"m","aud":"api"}"#,
            r#"{"iss":"me","aud":"web"}"#, r#"{"iss":"me","aud":[]}"#, r#"{"iss":"me","aud":["api",1]}"#,
            r#"{"iss":["me"],"aud":"api"}"#, r#"{"iss":null,"aud":"api"}"#, r#"{"iss":"me","aud":null}"#,
        ] {
            t.get("/me").bearer(sign(HEADER, &claims(change))).send().refused(401, "invalid_token");
        }
    }

    /// F-20: keys are rotated without logging users out.
    fn a_previous_key_still_verifies_until_it_is_dropped(t) {
        let key = |id: &str| {
            let secret = format!("{SECRET}-{id}");
            Key::hmac(Algorithm::HS256, secret.as_bytes()).unwrap().with_id(id).unwrap()
        };
        let before = AuthConfig::builder().signing_key(key("old")).build().unwrap();
        let during = AuthConfig::builder().signing_key(key("new")).verification_key(key("old")).build().unwrap();
        let after = AuthConfig::builder().signing_key(key("new")).build().unwrap();
        let old = Probe::<H>::with(before, |builder| builder).access("alice");
        t = Probe::with(during, |builder| builder);
        t.get("/me").bearer(&old).send().is(200);
        t.get("/me").bearer(t.access("alice")).send().is(200);
        t = Probe::with(after, |builder| builder);
        t.get("/me").bearer(&old).send().refused(401, "invalid_token");
    }

    /// A service migrated from Python keeps the tokens of its users.
    fn a_token_of_the_python_fauth_opens_a_route_in_its_profile(t) {
        let token = sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims("{}"));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
        for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
            let config = AuthConfig::builder().secret(SECRET).token_profile(profile).build().unwrap();
            t = Probe::with(config, |builder| builder);
            t.get("/me").bearer(&token).send().is(200).says("Hello alice");
        }
    }

    fn a_refresh_token_of_the_python_fauth_never_opens_a_route(t) {
        let token = sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims(r#"{"token_type":"refresh"}"#));
        for profile in [TokenProfile::Standard, TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
            let config = AuthConfig::builder().secret(SECRET).token_profile(profile).build().unwrap();
            t = Probe::with(config, |builder| builder);
            t.get("/me").bearer(&token).send().refused(401, "invalid_token");
        }
    }

    /// F-19, and the other claims of a token reach the handler.
    fn the_handler_reads_scopes_and_claims(t) {
        let request = TokenRequest::for_subject("alice").scopes(["read", "write"]).claim("tenant", "acme");
        let token = t.access(request);
        t.get("/guards/token").bearer(token).send().is(200).says("access alice [read write] acme");
    }

    fn every_fault_of_a_token_gives_the_same_answer(t) {
        let expired = sign(HEADER, &claims(r#"{"exp":1767225599,"iat":1767225500}"#));
        let answers = [
            t.get("/me").bearer("x").send().response,
            t.get("/me").bearer(expired).send().response,
            t.get("/me").bearer(t.token(Purpose::Refresh, "alice")).send().response,
            t.get("/me").bearer(t.access("nobody")).send().response,
            t.get("/me").bearer(t.access("carol")).send().response,
        ];
        for answer in &answers {
            assert_eq!(*answer, answers[0], "a stranger can tell one fault from another");
        }
    }
}
