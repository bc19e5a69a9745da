//! Minting: what is issued is what its own verifier accepts, says what was asked for, and nothing
//! can be smuggled in.

use std::{collections::BTreeSet, time::Duration};

use fauth_core::{
    AuthConfig, Purpose, TokenRequest,
    clock::Timestamp,
    token::{Algorithm, IssueError, Key, ScopeClaim, TokenError, TokenProfile},
};
use fauth_testing::{ManualClock, SECRET, Users, at_once};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::*;

/// What `issue` issues; the others work once.
const ISSUED: [Purpose; 2] = [Purpose::Access, Purpose::Refresh];

const PROFILES: [TokenProfile; 3] =
    [TokenProfile::Standard, TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration];

#[test]
fn every_purpose_algorithm_and_profile_round_trips() {
    for profile in PROFILES {
        for algorithm in Algorithm::HMAC {
            for named in [None, Some("2026-11")] {
                let auth = auth(|config| {
                    let config = config.algorithm(algorithm).token_profile(profile);
                    let config = if let Some(id) = named { config.secret_id(id) } else { config };
                    if profile == TokenProfile::PythonFauth {
                        config
                    } else {
                        config.issuer(ISSUER).audience(AUDIENCE)
                    }
                });
                for purpose in Purpose::ALL {
                    let token = issue(&auth, purpose);
                    let payload = auth.verify_signature_and_claims(&token, purpose).unwrap();
                    assert_eq!(payload.subject(), "alice");
                    assert_eq!(payload.purpose(), purpose);
                    let has_scopes = purpose == Purpose::Session || ISSUED.contains(&purpose);
                    let scopes: &[&str] = if has_scopes { &["read", "write"] } else { &[] };
                    assert_eq!(payload.scopes(), scopes);
                    assert_eq!(payload.issued_at().unix_seconds(), NOW);
                    assert!(payload.expires_at() > payload.issued_at());
                    assert_eq!(payload.claim::<String>("tenant").unwrap().as_deref(), Some("acme"));

                    let [header, claims, _] = segments(&token);
                    let header: Value = serde_json::from_str(&decode(header)).unwrap();
                    let python = profile == TokenProfile::PythonFauth;
                    assert_eq!(header["typ"], if python { "JWT" } else { purpose.media_type() });
                    assert_eq!((&header["alg"], header["kid"].as_str()), (&json!(algorithm.as_str()), named));
                    let claims: Value = serde_json::from_str(&decode(claims)).unwrap();
                    assert_eq!(claims.get("iss").is_none(), python);
                    assert_eq!(claims.get("aud").is_none(), python);
                }
            }
        }
    }
}

#[test]
fn several_audiences_are_all_named() {
    let auth = auth(|config| config.audience("a").audience("b"));
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let payload = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap();
    assert_eq!(payload.claim::<Vec<String>>("aud").unwrap().unwrap(), ["a", "b"]);
}

#[test]
fn the_greatest_lifetime_that_can_be_configured_is_accepted() {
    let century = Duration::from_secs(100 * 366 * 86_400);
    // Browser sessions last as refresh tokens do.
    for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Session) {
        let auth = auth(|config| config.danger_max_lifetime(purpose, century).lifetime(purpose, century));
        check_as(&auth, purpose, &issue(&auth, purpose), &Ok(()));
    }
}

// ------------------------------------------------------------------------------------------------
// what is not minted

#[test]
fn reserved_claims_are_refused() {
    let names = [
        "sub",
        "exp",
        "iat",
        "nbf",
        "jti",
        "iss",
        "aud",
        "token_type",
        "scopes",
        "scope",
        "sid",
        "client_id",
        "app",
        "auth_time",
        "began_at",
    ];
    for name in names {
        for value in [json!("admin"), json!(9_999_999_999_u64), Value::Null] {
            for purpose in ISSUED {
                // Before and behind harmless ones, and even if a later claim would be fine.
                let request =
                    TokenRequest::for_subject("alice").claim("a", 1).claim(name, &value).claim("b", 2);
                match at_once(auth(|config| config).issue(purpose, request)) {
                    Err(IssueError::ReservedClaim(refused)) => assert_eq!(&*refused, name),
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
    }
    // Names are compared as they are, which is how claims are read.
    for name in ["Sub", "SUB", "sub ", "exp\u{0}", "token-type", "roles"] {
        assert!(
            at_once(
                auth(|config| config)
                    .issue(Purpose::Access, TokenRequest::for_subject("alice").claim(name, 1))
            )
            .is_ok()
        );
    }
}

#[test]
fn subjects_and_scopes_that_no_verifier_reads_are_refused() {
    let auth = auth(|config| config);
    let issue = |request: TokenRequest<'_>| at_once(auth.issue(Purpose::Access, request));
    assert!(issue(TokenRequest::for_subject("x".repeat(255))).is_ok());
    for subject in [String::new(), "x".repeat(256), "é".repeat(128)] {
        assert!(matches!(issue(TokenRequest::for_subject(subject)), Err(IssueError::InvalidSubject)));
    }
    assert!(issue(TokenRequest::for_subject("alice").scope("!#[]~:/?")).is_ok());
    for scope in ["", " ", "a b", "a\"b", "a\\b", "a\n", "é", "\u{7f}"] {
        assert!(
            matches!(issue(TokenRequest::for_subject("alice").scope(scope)), Err(IssueError::InvalidScope)),
            "{scope:?}"
        );
    }
}

#[test]
fn claims_that_no_verifier_reads_are_refused() {
    let auth = auth(|config| config);
    let issue = |value: Value| {
        at_once(auth.issue(Purpose::Access, TokenRequest::for_subject("alice").claim("x", value)))
    };
    let nested = |depth: usize| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    check(&auth, issue(nested(31)).unwrap().expose(), &Ok(()));
    assert!(matches!(issue(nested(32)), Err(IssueError::ClaimsTooComplex)));

    let members = |count: usize| Value::Object((0..count).map(|n| (n.to_string(), json!(0))).collect());
    check(&auth, issue(members(504)).unwrap().expose(), &Ok(()));
    assert!(matches!(issue(members(505)), Err(IssueError::ClaimsTooComplex)));

    assert!(matches!(issue(json!("x".repeat(8192))), Err(IssueError::TooLong)));
    let keys_are_no_strings = std::collections::BTreeMap::from([((1, 2), 3)]);
    let request = TokenRequest::for_subject("alice").claim("x", keys_are_no_strings);
    match at_once(auth.issue(Purpose::Access, request)) {
        Err(IssueError::UnserializableClaim(name)) => assert_eq!(&*name, "x"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_longest_token_is_minted_and_read() {
    let auth = auth(|config| config.max_token_bytes(512));
    let issue = |bytes: usize| {
        at_once(auth.issue(Purpose::Access, TokenRequest::for_subject("a").claim("x", "x".repeat(bytes))))
    };
    let longest = (0..512).rev().find_map(|bytes| issue(bytes).ok()).unwrap();
    assert!((509..=512).contains(&longest.expose().len()));
    check(&auth, longest.expose(), &Ok(()));
}

/// A time that no token may name is no time to issue one.
#[test]
fn nothing_is_issued_before_1970_or_after_9999() {
    let end = Timestamp::MAX.unix_seconds();
    for (now, fine) in
        [(-1, false), (i64::MIN, false), (0, true), (end - 900, true), (end - 899, false), (i64::MAX, false)]
    {
        let auth = auth_at(now, |config| config);
        match at_once(auth.issue(Purpose::Access, "alice")) {
            Ok(token) if fine => check(&auth, token.expose(), &Ok(())),
            Err(IssueError::Clock(_)) if !fine => {}
            other => panic!("at {now}: {other:?}"),
        }
    }
    let clock = ManualClock::new();
    clock.break_down();
    let auth = fauth_testing::provider().clock(clock).build().unwrap();
    assert!(matches!(at_once(auth.issue(Purpose::Access, "alice")), Err(IssueError::Clock(_))));
}

// ------------------------------------------------------------------------------------------------
// what is minted is accepted

fn subject() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\PC{0,20}",
        2 => any::<String>(),
        1 => (250_usize..260).prop_map(|bytes| "s".repeat(bytes)),
        1 => (120_usize..132).prop_map(|bytes| "é".repeat(bytes)),
    ]
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![8 => "[!#-\\[\\]-~]{1,8}", 1 => "\\PC{0,4}"], 0..5)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z_]{1,8}",
        3 => any::<String>(),
        2 => "[\"\\\\/\u{0}-\u{1f}\u{7f}\u{2028}é😀]{0,6}",
        1 => prop::sample::select(vec!["sub", "exp", "token_type", "s\\u0075b", "Sub", ""]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(40, 64, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    });
    prop_oneof![
        8 => tree,
        1 => (25_usize..40).prop_map(|depth| (0..depth).fold(Value::Null, |inner, _| json!({ "a": inner }))),
        1 => (490_usize..520).prop_map(|n| Value::Object((0..n).map(|n| (n.to_string(), Value::Null)).collect())),
        1 => (0_usize..9000).prop_map(|bytes| Value::from("x".repeat(bytes))),
    ]
}

/// A value as `serde_json` reads it back: without its feature `float_roundtrip`, the last bit of a
/// float may differ.
fn as_read(value: &Value) -> Value {
    serde_json::from_str(&value.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn fauth_mints_only_what_its_own_verifier_accepts(
        subject in subject(),
        scopes in scopes(),
        claims in prop::collection::vec((name(), value()), 0..4),
        purpose in prop::sample::select(&ISSUED[..]),
        algorithm in prop::sample::select(&Algorithm::HMAC[..]),
        profile in prop::sample::select(&PROFILES[..]),
        scopes_as_text in any::<bool>(),
    ) {
        let as_text = scopes_as_text && profile != TokenProfile::PythonFauth;
        let scope_claim = if as_text { ScopeClaim::Scope } else { ScopeClaim::Scopes };
        let auth =
            auth(|config| config.algorithm(algorithm).token_profile(profile).scope_claim(scope_claim));
        let mut request = TokenRequest::for_subject(&*subject).scopes(&scopes);
        let mut expected = Map::new();
        for (name, value) in claims {
            request = request.claim(name.clone(), &value);
            expected.insert(name, value);
        }
        let Ok(token) = at_once(auth.issue(purpose, request)) else { return Ok(()) };
        let payload = auth.verify_signature_and_claims(token.expose(), purpose);
        prop_assert!(payload.is_ok(), "{:?}: {}", payload, token.expose());
        let payload = payload.unwrap();
        prop_assert_eq!(payload.subject(), subject);
        prop_assert_eq!(payload.scopes(), scopes);
        for (name, value) in &expected {
            let read = payload.claim::<Value>(name).unwrap().unwrap();
            prop_assert_eq!(as_read(value), read, "{}", name);
        }
        for other in Purpose::ALL {
            prop_assert_eq!(auth.verify_signature_and_claims(token.expose(), other).is_ok(), other == purpose);
        }
    }
}

/// The property above would hold of an issuer that refuses everything.
#[test]
fn ordinary_requests_are_minted() {
    let auth = auth(|config| config);
    for special in ('\0'..='\u{7f}').chain(['\u{80}', '\u{2028}', '\u{feff}', '\u{ffff}', '\u{10ffff}']) {
        // Alone, so that no neighbour has it escaped.
        let special = special.to_string();
        let token = at_once(
            auth.issue(Purpose::Access, TokenRequest::for_subject(&*special).claim(&*special, &special)),
        )
        .unwrap();
        let payload = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap();
        assert_eq!(payload.subject(), special);
        assert_eq!(payload.claim::<String>(&special).unwrap().unwrap(), special);
    }
    for claim in ["tenant", "", "a\"b\\c/d\u{0}\u{1f}\u{7f}\u{2028}é😀", "s\\u0075b"] {
        let value = json!({ "\"": ["\u{0}", -0.5, u64::MAX, i64::MIN, 1e300, null], "": {} });
        let token = at_once(
            auth.issue(Purpose::Access, TokenRequest::for_subject("ali\"ce\\\n\u{0}é").claim(claim, &value)),
        )
        .unwrap();
        let payload = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap();
        assert_eq!(payload.subject(), "ali\"ce\\\n\u{0}é");
        assert_eq!(payload.claim::<Value>(claim).unwrap().unwrap(), value);
    }
}

// ------------------------------------------------------------------------------------------------
// keys that change

const OLD: &str = "7d02f94be1a85c3360b7e4d19fa2c85e61";

#[test]
fn keys_are_exchanged_without_logging_anybody_out() {
    let old = || Key::hmac(Algorithm::HS256, OLD.as_bytes()).unwrap().with_id("2025").unwrap();
    let new = || Key::hmac(Algorithm::HS512, SECRET.as_bytes()).unwrap().with_id("2026").unwrap();
    let provider = |signing: Key, others: Vec<Key>| {
        let config = AuthConfig::builder().signing_key(signing);
        let config = others.into_iter().fold(config, fauth_core::AuthConfigBuilder::verification_key);
        fauth_testing::provider_with(config.build().unwrap(), &Users::new()).build().unwrap()
    };
    let before = provider(old(), vec![]);
    let during = provider(new(), vec![old()]);
    let after = provider(new(), vec![]);
    let announced = provider(old(), vec![new()]);
    let issue = |auth: &Auth| at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let (early, late) = (issue(&before), issue(&during));

    for auth in [&before, &during, &announced] {
        check(auth, early.expose(), &Ok(()));
    }
    for auth in [&during, &after, &announced] {
        check(auth, late.expose(), &Ok(()));
    }
    check(&after, early.expose(), &Err(TokenError::UnknownKey));
    check(&before, late.expose(), &Err(TokenError::UnknownKey));
    // A key that is only verified never signs.
    check(&after, issue(&during).expose(), &Ok(()));
    check(&before, issue(&announced).expose(), &Ok(()));
}

#[test]
fn a_changed_secret_without_an_id_ends_every_token() {
    let token = at_once(auth(|config| config).issue(Purpose::Access, "alice")).unwrap();
    let config = AuthConfig::builder().secret(OLD).build().unwrap();
    let changed = fauth_testing::provider_with(config, &Users::new()).build().unwrap();
    check(&changed, token.expose(), &Err(TokenError::BadSignature));
}

// ------------------------------------------------------------------------------------------------
// reading claims

#[test]
fn custom_claims_are_typed_when_they_are_read() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Plan {
        name: String,
        seats: u32,
    }

    let auth = auth(|config| config);
    let request = TokenRequest::for_subject("alice")
        .claim("tenant", "acme")
        .claim("plan", json!({ "name": "pro", "seats": 5 }))
        .claim("nothing", Value::Null)
        .claim("tenant", "umbrella");
    let token = at_once(auth.issue(Purpose::Access, request)).unwrap();
    let payload = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap();
    assert_eq!(
        payload.claim::<String>("tenant").unwrap().as_deref(),
        Some("umbrella"),
        "the second replaces the first"
    );
    assert_eq!(payload.claim::<Plan>("plan").unwrap(), Some(Plan { name: "pro".to_owned(), seats: 5 }));
    assert_eq!(payload.claim::<Value>("nothing").unwrap(), Some(Value::Null));
    assert_eq!(payload.claim::<Option<u8>>("nothing").unwrap(), Some(None));
    assert_eq!(payload.claim::<String>("absent").unwrap(), None);
    assert_eq!(payload.claim::<u8>("seats").unwrap(), None, "members of members are no claims");
    assert_eq!(payload.claim::<i64>("iat").unwrap(), Some(NOW), "registered claims can be read too");

    for error in [
        payload.claim::<u32>("tenant").unwrap_err(),
        payload.claim::<Vec<String>>("tenant").unwrap_err(),
        payload.claim::<()>("tenant").unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the claim `tenant` is not of the expected type");
    }
    assert!(payload.claim::<String>("nothing").is_err(), "null is there, and no text");
    assert!(payload.claim::<Plan>("tenant").is_err());
}

// ------------------------------------------------------------------------------------------------
// secrecy and chance

#[tokio::test]
async fn tokens_do_not_show_in_debug_output() {
    let auth = auth(|config| config);
    let pair = auth.login(TokenRequest::for_subject("alice").claim("iban", "DE89-3704")).await.unwrap();
    let (access, refresh) = (pair.access_token(), pair.refresh_token());
    let payload = auth.verify_signature_and_claims(access.expose(), Purpose::Access).unwrap();
    let shown = format!("{access:?} {refresh:?} {pair:?} {pair:#?} {auth:?} {:?}", Some(pair.clone()));
    for secret in segments(access.expose()).into_iter().chain(segments(refresh.expose())).chain([SECRET]) {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(format!("{access:?}"), "IssuedToken(..)");
    assert!(!format!("{payload:?}").contains("DE89"), "claims may be personal");
    // The one way in which a pair shows its tokens is the answer to its owner.
    let answer = serde_json::to_value(&pair).unwrap();
    assert_eq!(answer["access_token"], access.expose());
    assert_eq!(answer["refresh_token"], refresh.expose());
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("bearer"), &json!(900)));
    assert_eq!(answer.as_object().unwrap().len(), 4);
}

#[test]
fn token_ids_are_128_random_bits() {
    let auth = auth(|config| config);
    let ids = (0..2000).map(|_| {
        let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
        auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap().token_id().to_owned()
    });
    let ids: BTreeSet<String> = ids.collect();
    assert_eq!(ids.len(), 2000);
    assert!(ids.iter().all(|id| id.len() == 22), "16 bytes in base64url");
    // No position stands still, as one would in a counter, a time or a UUID (whose version is
    // fixed).
    for position in 0..22 {
        let symbols: BTreeSet<_> = ids.iter().map(|id| id.as_bytes()[position]).collect();
        assert!(symbols.len() >= 4, "position {position}");
    }
}
