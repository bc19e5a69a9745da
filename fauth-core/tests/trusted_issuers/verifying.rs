//! Which tokens are accepted, row by row; the negative beside its positive.

use std::time::Duration;

use fauth_core::{
    Purpose, Rejection,
    rejection::InvalidToken,
    token::TokenError,
    trusted_issuer::{AccessTokenProfile, TrustedIssuer},
};
use fauth_testing::{FOREIGN_AUDIENCE, ForeignIssuer, ForeignToken};
use serde_json::{Value, json};

use crate::support::{ISSUER, World};

const NO_ACCESS_TOKEN: TokenError = TokenError::WrongPurpose { expected: Purpose::Access, actual: None };

fn plain() -> World {
    World::trusting(|issuer| issuer.profile(AccessTokenProfile::Plain))
}

#[track_caller]
fn refused(
    outcome: Result<fauth_core::Granted<fauth_testing::TestUser>, Rejection>,
    expected: &TokenError,
    what: &str,
) {
    match outcome {
        Err(Rejection::InvalidToken(InvalidToken::Token(error))) => assert_eq!(error, *expected, "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn a_good_token_opens_a_guard() {
    let world = World::new();
    let token = world.token("alice").claim("roles", json!(["admin", "other"])).claim("scope", "read write");
    let granted = world.enter(&token.sign()).await.unwrap();
    let payload = granted.payload();
    assert_eq!((payload.issuer(), payload.subject()), (Some(ISSUER), "alice"));
    assert_eq!(payload.roles().collect::<Vec<_>>(), ["admin", "other"]);
    assert_eq!(payload.scopes(), ["read", "write"]);
    assert!(payload.has_scope("write") && !payload.has_scope("delete"));
    assert_eq!(payload.purpose(), Purpose::Access);
    assert_eq!(granted.user().name, "alice of https://login.example.com");
    assert_eq!(world.auth.owner_of(payload).issuer, ISSUER);
}

/// Rows 1 to 3 of the order of checks: form.
#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_refused() {
    let world = World::new();
    let good = world.token("alice").sign();
    world.enter(&good).await.unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    for (what, token) in [
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts, as encrypted ones have", format!("{header}.{claims}.{claims}.{claims}.{signature}")),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("an impossible length", format!("{header}.{claims}.{signature}AAA")),
    ] {
        refused(world.enter(&token).await, &TokenError::Malformed, what);
    }
    for token in [format!("{good}="), format!("{good}+"), format!("{good}/x"), good.replace('.', ":")] {
        let outcome = world.enter(&token).await;
        assert!(
            matches!(outcome, Err(Rejection::MalformedCredential(_) | Rejection::InvalidToken(_))),
            "{token}: {outcome:?}"
        );
    }
    let long = world.token("alice").claim("filler", "x".repeat(9000)).sign();
    let outcome = world.enter(&long).await;
    assert!(matches!(outcome, Err(Rejection::MalformedCredential(_))), "{outcome:?}");
}

/// Rows 4 to 10: the header.
#[tokio::test]
async fn a_header_that_changes_what_a_token_is_is_refused() {
    use TokenError::{ForbiddenHeader, Malformed, UnknownKey, WrongAlgorithm};
    let world = World::new();
    let token = || world.token("alice");
    let with = |name: &str, value: Value| token().header(name, value);
    let kid = "kid";
    for (what, token, expected) in [
        ("crit", with("crit", json!(["exp"])), ForbiddenHeader),
        ("an empty crit", with("crit", json!([])), ForbiddenHeader),
        ("b64", with("b64", json!(false)), ForbiddenHeader),
        ("zip", with("zip", json!("DEF")), ForbiddenHeader),
        ("enc", with("enc", json!("A128GCM")), ForbiddenHeader),
        ("a nested token", with("cty", json!("JWT")), ForbiddenHeader),
        ("alg none", with("alg", json!("none")), WrongAlgorithm),
        ("alg NONE", with("alg", json!("NONE")), WrongAlgorithm),
        ("alg misspelt", with("alg", json!("es256")), WrongAlgorithm),
        ("another alg", with("alg", json!("ES384")), WrongAlgorithm),
        ("HMAC with the public key", with("alg", json!("HS256")), WrongAlgorithm),
        ("no alg", token().without_header("alg"), WrongAlgorithm),
        ("alg that is no text", with("alg", json!(["ES256"])), WrongAlgorithm),
        ("kid that is no text", with(kid, json!(1)), Malformed),
        ("kid that is nothing", with(kid, json!(null)), Malformed),
        ("a long kid", with(kid, json!("k".repeat(129))), Malformed),
        ("an unknown kid", with(kid, json!("key-9")), UnknownKey),
        ("a kid that is a path", with(kid, json!("../../dev/null")), UnknownKey),
        ("typ that is no text", with("typ", json!(1)), Malformed),
        ("header no object", token().header_text("[]"), Malformed),
        ("a member twice", token().header_text(r#"{"alg":"ES256","alg":"ES256"}"#), Malformed),
        ("trailing bytes", token().header_text("{} {}"), Malformed),
        ("a byte order mark", token().header_text("\u{feff}{}"), Malformed),
        ("nested too deeply", with("x", nested(9)), Malformed),
    ] {
        refused(world.enter(&token.sign()).await, &expected, what);
    }
    for (what, token) in [
        ("an unknown member", with("x", json!({ "y": 1 }))),
        ("no kid, and one key", token().without_header(kid)),
        ("the media type in full", with("typ", json!("application/at+jwt"))),
        ("in capitals", with("typ", json!("AT+JWT"))),
    ] {
        assert!(world.enter(&token.sign()).await.is_ok(), "{what}");
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

/// Row 9: a key that comes with a token proves nothing, and does no harm.
#[tokio::test]
async fn keys_that_a_header_brings_are_ignored() {
    let world = World::new();
    let attacker = ForeignIssuer::new(ISSUER.to_owned() + "/");
    let key: Value = serde_json::from_str(&attacker.jwks()).unwrap();
    for (name, value) in [
        ("jwk", key["keys"][0].clone()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = world.token("alice").header(name, value);
        assert!(world.enter(&token.sign()).await.is_ok(), "{name}");
        refused(world.enter(&token.forge()).await, &TokenError::BadSignature, name);
    }
    assert_eq!(world.keys.fetches(), 1, "nothing else was fetched");
}

/// Row 11.
#[tokio::test]
async fn a_wrong_signature_is_refused_before_anything_else() {
    let world = World::new();
    refused(world.enter(&world.token("alice").forge()).await, &TokenError::BadSignature, "another key");
    let expired = world.token("alice").claim("exp", 1);
    refused(world.enter(&expired.forge()).await, &TokenError::BadSignature, "also if it has expired");
    refused(world.enter(&expired.sign()).await, &TokenError::Expired, "which else is told");
    let token = world.token("alice");
    for (what, signature) in [
        ("r and s of zero", "A".repeat(86)),
        ("too short", "A".repeat(43)),
        ("as long as another curve's", "A".repeat(128)),
        ("as long as that of an RSA key", "A".repeat(342)),
    ] {
        let token = format!("{}.{signature}", token.signed_part());
        refused(world.enter(&token).await, &TokenError::BadSignature, what);
    }
    let (alice, bob) = (world.token("alice").sign(), world.token("bob").signed_part());
    let spliced = format!("{bob}.{}", alice.rsplit('.').next().unwrap());
    refused(world.enter(&spliced).await, &TokenError::BadSignature, "the signature of another token");
}

/// Rows 12 and 14: claims.
#[tokio::test]
async fn a_claim_that_is_there_is_what_it_must_be() {
    let world = World::new();
    let now = world.token("alice");
    let good: Value = serde_json::from_str(&now.claims()).unwrap();
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let token = world.token("alice").without_claim(name);
        refused(world.enter(&token.sign()).await, &TokenError::MissingClaim(name), name);
        let wrong = if good[name].is_number() { json!("1") } else { json!(1) };
        for value in [Value::Null, wrong, json!({}), json!([1]), json!([])] {
            let token = world.token("alice").claim(name, value.clone());
            refused(world.enter(&token.sign()).await, &TokenError::InvalidClaim(name), &value.to_string());
        }
    }
    for (name, value) in [
        ("sub", json!("")),
        ("sub", json!("x".repeat(256))),
        ("jti", json!("")),
        ("jti", json!("x".repeat(129))),
        ("client_id", json!("")),
        ("sid", json!(7)),
        ("sid", json!("x".repeat(129))),
        ("nbf", json!("soon")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("iat", json!(253_402_300_800_u64)),
        ("scope", json!(1)),
        ("roles", json!({ "admin": true })),
        ("roles", json!(["admin", 1])),
    ] {
        let token = world.token("alice").claim(name, value.clone());
        refused(
            world.enter(&token.sign()).await,
            &TokenError::InvalidClaim(name),
            &format!("{name}: {value}"),
        );
    }
    for (name, value) in [
        ("sub", json!("x".repeat(255))),
        ("jti", json!("x".repeat(128))),
        ("sid", json!("session-1")),
        ("aud", json!([FOREIGN_AUDIENCE, "https://other.example.com"])),
        ("unknown", nested(20)),
        // What own tokens say in these means nothing in others.
        ("app", json!(1)),
        ("token_type", json!("refresh")),
        ("token_epoch", json!("x")),
        ("user_epoch", json!([])),
        ("scopes", json!({})),
    ] {
        let token = world.token("alice").claim(name, value.clone());
        assert!(world.enter(&token.sign()).await.is_ok(), "{name}: {value}");
    }
}

#[tokio::test]
async fn claims_that_are_no_good_json_name_no_issuer() {
    let world = World::new();
    let good = world.token("alice").claims();
    for (what, text) in [
        ("no object", "[]".to_owned()),
        ("a duplicate", good.replacen('{', r#"{"sub":"bob","#, 1)),
        ("an escaped duplicate", good.replacen('{', r#"{"\u0073ub":"bob","#, 1)),
        ("the issuer twice", good.replacen('{', &format!(r#"{{"iss":"{ISSUER}","#), 1)),
        ("trailing bytes", format!("{good}x")),
        ("nested too deeply", good.replacen('{', &format!(r#"{{"x":{},"#, nested(33)), 1)),
        ("a lone surrogate", good.replacen('{', r#"{"x":"\ud800","#, 1)),
    ] {
        let token = world.token("alice").claims_text(text);
        refused(world.enter(&token.sign()).await, &TokenError::MalformedClaims, what);
    }
    assert!(world.enter(&world.token("alice").claims_text(format!(" {good}\r\n")).sign()).await.is_ok());
    assert_eq!(world.keys.fetches(), 1, "what names nobody asks nobody");
}

/// Row 13: the profile of RFC 9068.
#[tokio::test]
async fn only_at_jwt_is_an_access_token() {
    let world = World::new();
    for (typ, actual) in [
        ("JWT", None),
        ("jwt", None),
        ("refresh+jwt", Some(Purpose::Refresh)),
        ("session+jwt", Some(Purpose::Session)),
        ("logout+jwt", None),
        ("dpop+jwt", None),
        ("at", None),
        ("application/application/at+jwt", None),
        ("", None),
    ] {
        let expected = TokenError::WrongPurpose { expected: Purpose::Access, actual };
        refused(world.enter(&world.token("alice").header("typ", typ).sign()).await, &expected, typ);
    }
    let without = world.token("alice").without_header("typ");
    refused(world.enter(&without.sign()).await, &NO_ACCESS_TOKEN, "none");
}

/// Row 13: the profile of issuers that know no `at+jwt`.
#[tokio::test]
async fn a_plain_token_may_say_less_and_nothing_else() {
    let world = plain();
    let bare = || world.token("alice").without_header("typ").without_claim("jti").without_claim("client_id");
    for token in [bare(), bare().header("typ", "JWT"), bare().header("typ", "at+jwt"), world.token("alice")] {
        assert!(world.enter(&token.sign()).await.is_ok(), "{token:?}");
    }
    assert!(world.enter(&bare().claim("nonce", "n").sign()).await.is_ok(), "older Keycloaks write it");
    for typ in ["logout+jwt", "refresh+jwt", "dpop+jwt", "secevent+jwt", "ID"] {
        let outcome = world.enter(&bare().header("typ", typ).sign()).await;
        assert!(matches!(World::reason(outcome), TokenError::WrongPurpose { .. }), "{typ}");
    }
    for (name, value) in [
        ("at_hash", json!("x")),
        ("c_hash", json!("x")),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Offline")),
        ("token_use", json!("id")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ("token_type", json!("refresh")),
        ("token_type", json!("sliding")),
        ("token_type", json!("id")),
        ("token_type", json!("")),
        ("token_type", json!(["access"])),
        ("token_type", Value::Null),
        ("type", json!("refresh")),
        ("type", json!("Refresh")),
    ] {
        let token = bare().claim(name, value.clone());
        refused(world.enter(&token.sign()).await, &NO_ACCESS_TOKEN, &format!("{name}: {value}"));
    }
    for (name, value) in [
        ("typ", "Bearer"),
        ("token_use", "access"),
        ("token_type", "access"),
        ("token_type", "Bearer"),
        ("token_type", "bearer"),
        ("type", "access"),
        ("type", "employee"),
    ] {
        assert!(world.enter(&bare().claim(name, value).sign()).await.is_ok(), "{name}: {value}");
    }
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let token = bare().without_claim(name);
        refused(world.enter(&token.sign()).await, &TokenError::MissingClaim(name), name);
    }
    refused(world.enter(&bare().claim("jti", 1).sign()).await, &TokenError::InvalidClaim("jti"), "jti: 1");
}

#[tokio::test]
async fn id_tokens_are_accepted_where_that_was_said() {
    let world = World::trusting(TrustedIssuer::danger_accept_id_tokens);
    let id_token =
        || world.token("alice").header("typ", "JWT").claim("at_hash", "x").without_claim("client_id");
    assert!(world.enter(&id_token().sign()).await.is_ok());
    refused(world.enter(&id_token().claim("typ", "Refresh").sign()).await, &NO_ACCESS_TOKEN, "not others");
    let refresh = id_token().claim("token_type", "refresh").sign();
    refused(world.enter(&refresh).await, &NO_ACCESS_TOKEN, "nor of those of token_type");
    let outcome = world.enter(&id_token().claim("events", json!({})).sign()).await;
    refused(outcome, &NO_ACCESS_TOKEN, "nor what tells of a logout");
}

/// Two tokens without an id are told apart by what is signed, however they are signed.
#[tokio::test]
async fn a_token_without_an_id_has_that_of_its_text() {
    let world = plain();
    let token = |nonce: u8| world.token("alice").without_claim("jti").claim("x", nonce);
    let id = async |token: &ForeignToken| {
        world.enter(&token.sign()).await.unwrap().payload().token_id().to_owned()
    };
    let (one, two) = (id(&token(1)).await, id(&token(2)).await);
    assert_eq!(one.len(), 43);
    assert_ne!(one, two);
    assert_eq!(one, id(&token(1)).await);
}

/// Rows 15 and 16.
#[tokio::test]
async fn issuer_and_audience_match_as_whole_texts() {
    let world = World::new();
    for issuer in
        ["", "https://login.example.com/", "https://login.example", "https://LOGIN.example.com", "x"]
    {
        let token = world.token("alice").claim("iss", issuer);
        refused(world.enter(&token.sign()).await, &TokenError::WrongIssuer, issuer);
    }
    for audience in [
        json!(""),
        json!("https://api.example.com/"),
        json!("https://api.example"),
        json!(["https://other.example.com"]),
    ] {
        let token = world.token("alice").claim("aud", audience.clone());
        refused(world.enter(&token.sign()).await, &TokenError::WrongAudience, &audience.to_string());
    }
    let several = World::trusting(|issuer| issuer.audience("second"));
    assert!(several.enter(&several.token("alice").claim("aud", "second").sign()).await.is_ok());
}

#[tokio::test]
async fn the_client_stands_in_for_the_audience_where_that_was_said() {
    let world = World::trusting(|issuer| issuer.client_id_as_audience().audience("test-client"));
    let token = || world.token("alice").without_claim("aud");
    assert!(world.enter(&token().sign()).await.is_ok());
    refused(world.enter(&token().claim("client_id", "x").sign()).await, &TokenError::WrongAudience, "other");
    let both = world.token("alice").claim("aud", "https://other.example.com");
    refused(world.enter(&both.sign()).await, &TokenError::WrongAudience, "an audience that is there counts");
}

#[tokio::test]
async fn a_required_claim_has_its_value() {
    let world = World::trusting(|issuer| issuer.require_claim("tid", "tenant-1"));
    assert!(world.enter(&world.token("alice").claim("tid", "tenant-1").sign()).await.is_ok());
    for token in [
        world.token("alice"),
        world.token("alice").claim("tid", "tenant-2"),
        world.token("alice").claim("tid", json!(["tenant-1"])),
        world.token("alice").claim("tid", Value::Null),
    ] {
        let reason = World::reason(world.enter(&token.sign()).await);
        assert!(matches!(reason, TokenError::MissingClaim(_) | TokenError::InvalidClaim(_)), "{reason}");
    }
}

/// Row 17.
#[tokio::test]
async fn times_are_within_their_bounds() {
    let world = World::new();
    let start = fauth_testing::ManualClock::START.unix_seconds();
    let token = |iat: i64, exp: i64| world.token("alice").claim("iat", iat).claim("exp", exp);
    for (what, token, outcome) in [
        ("expired a minute ago", token(start - 300, start - 60), Some(TokenError::Expired)),
        ("a second less", token(start - 300, start - 59), None),
        ("issued in the future", token(start + 31, start + 300), Some(TokenError::NotYetValid)),
        ("a little", token(start + 30, start + 300), None),
        ("ends before it begins", token(start, start - 1), Some(TokenError::UnacceptableLifetime)),
        ("no time at all", token(start, start), Some(TokenError::UnacceptableLifetime)),
        ("a day", token(start, start + 86_400), None),
        ("a second more", token(start, start + 86_401), Some(TokenError::UnacceptableLifetime)),
        ("nbf", token(start, start + 60).claim("nbf", start + 31), Some(TokenError::NotYetValid)),
        ("nbf within the leeway", token(start, start + 60).claim("nbf", start + 30), None),
    ] {
        match (world.enter(&token.sign()).await, outcome) {
            (Ok(_), None) => {}
            (entered, Some(expected)) => refused(entered, &expected, what),
            (entered, None) => panic!("{what}: {entered:?}"),
        }
    }
    let strict = World::trusting(|issuer| {
        issuer.expiry_leeway(Duration::ZERO).leeway(Duration::ZERO).max_lifetime(Duration::from_secs(600))
    });
    refused(strict.enter(&token(start - 9, start).sign()).await, &TokenError::Expired, "no leeway");
    refused(strict.enter(&token(start + 1, start + 9).sign()).await, &TokenError::NotYetValid, "none");
    refused(
        strict.enter(&token(start, start + 601).sign()).await,
        &TokenError::UnacceptableLifetime,
        "shorter",
    );
}

/// Row 20: what was let in is looked at once more, with the leeway of its own issuer.
#[tokio::test]
async fn a_grant_ends_with_its_token() {
    let world = World::new();
    let granted = world.enter(&world.token("alice").sign()).await.unwrap();
    let again = || world.auth.read_again(&fauth_testing::WireRequest::get("/"), Some(&granted));
    world.clock.advance(Duration::from_secs(359));
    assert!(world.auth.check_current(again()).await.is_ok(), "a minute of leeway");
    world.clock.advance(Duration::from_secs(1));
    refused(world.auth.check_current(again()).await, &TokenError::Expired, "over");
}

/// A token that is bound to a key is worth nothing without a proof.
#[tokio::test]
async fn a_bound_token_is_no_bearer_token() {
    let world = World::new();
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({}), Value::Null] {
        let token = world.token("alice").claim("cnf", cnf.clone());
        refused(world.enter(&token.sign()).await, &TokenError::SenderConstrained, &cnf.to_string());
    }
}
