//! The golden mandates and the vector of Caracal: verifier, requirement and renderer together, as
//! far as claims decide. What stores decide is tested with the provider.

#![cfg(all(feature = "mandates", feature = "asymmetric-pure-rust"))]

#[path = "../../tests/mandates/golden.rs"]
mod golden;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use self::golden::{Case, Golden, Verdict};
use super::{Checked, Trusted, TrustedIssuer};
use crate::{
    Rejection, Requirement, TokenPayload,
    clock::{SystemClock, Timestamp},
    rejection::{MandateJson, Renderer},
    remote::{JwksSource, KeyContext},
    request::{HeaderValues, RequestHead},
    token::{Algorithm, Key, MandateUse, SubjectType, TokenError, UnverifiedForeign},
};

const NOW: i64 = 1_790_000_000;
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn trusting(issuer: &str, audience: &str, zone: &str, jwks: String) -> Trusted {
    let issuer = TrustedIssuer::new(issuer, JwksSource::fixed(jwks).unwrap()).audience(audience);
    // The golden mandates last until the year 2100.
    let trusted = issuer.mandate(zone).max_lifetime(CENTURY).build().unwrap();
    let context = KeyContext { clock: Arc::new(SystemClock), events: None, rests: false };
    trusted.prepare(context).unwrap();
    trusted
}

fn check(trusted: &Trusted, token: &str, at: i64) -> Result<TokenPayload, TokenError> {
    let token = UnverifiedForeign::read(token.as_bytes(), 8192)?;
    match trusted.check(token, Timestamp::from_unix_seconds(at)) {
        Checked::Good(payload) => Ok(payload),
        Checked::Refused(error) => Err(error),
        Checked::NeedsKeys => Err(TokenError::UnknownKey),
    }
}

fn decide(trusted: &Trusted, case: Case<'_>) -> Result<(), Rejection> {
    let payload = check(trusted, case.token(), NOW)?;
    Ok(case.requirement().decide_mandate(&payload)?)
}

struct Nowhere;

impl RequestHead for Nowhere {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, _: &str) -> HeaderValues<'a> {
        std::iter::empty().collect()
    }

    fn peer(&self) -> Option<std::net::SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        false
    }
}

/// Every mandate gets its recorded verdict, code and sentence; those that a store decides pass.
#[test]
fn every_golden_mandate_gets_its_verdict() {
    let golden = Golden::read();
    let trusted = trusting(golden.issuer(), golden.audience(), golden.zone(), golden.jwks());
    let mut seen = Vec::new();
    for case in golden.cases() {
        let is_of_store = !case.revoked_anchors().is_empty() || case.delegation_epoch().is_some();
        let expected = if is_of_store { Verdict::OK } else { case.expected() };
        let refusal =
            decide(&trusted, case).map_err(|rejection| MandateJson::new().render(&rejection, &Nowhere));
        let body: Option<Value> =
            refusal.err().map(|reply| serde_json::from_slice(reply.body_bytes()).unwrap());
        let verdict = body.as_ref().map_or(Verdict::OK, |body| Verdict {
            code: body["error"].as_str().unwrap(),
            description: body["error_description"].as_str(),
        });
        assert_eq!(verdict, expected, "{}", case.name());
        if !is_of_store {
            assert_eq!(verdict, case.recorded(), "no difference is one of claims: {}", case.name());
        }
        seen.push(case.name());
    }
    assert_eq!(seen.len(), 23);
    assert!(golden::DIFFERENCES.iter().all(|(name, ..)| seen.contains(name)));
}

fn sign(key: &Key, header: &Value, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(&header.to_string()), part(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign_for_test(signed.as_bytes())))
}

fn key(golden: &Golden, name: &str) -> Key {
    Key::from_pem(Algorithm::ES256, golden.private_key(name)).unwrap()
}

/// `vectors/caracal/jwt-claims.resource.valid.json`, signed with a golden key.
#[test]
fn the_vector_of_claims_is_a_mandate() {
    let path = golden::folder("FAUTH_VECTORS", "vectors").join("caracal/jwt-claims.resource.valid.json");
    let claims = std::fs::read_to_string(path).unwrap();
    let golden = Golden::read();
    let trusted = trusting("https://sts.example.com", "resource://api", "zone-1", golden.jwks());
    let header = json!({ "alg": "ES256", "kid": "kid1", "typ": "JWT" });
    let token = sign(&key(&golden, "kid1"), &header, &claims);
    let payload = check(&trusted, &token, NOW + 100).unwrap();
    assert_eq!((payload.subject(), payload.token_id()), ("user-1", "018f7d6a-8f4a-7d9f-9a54-5e4fd7df0001"));
    assert_eq!(payload.scopes(), ["read", "write"]);
    let mandate = payload.mandate().unwrap();
    assert_eq!((mandate.client_id(), mandate.zone()), ("app-1", "zone-1"));
    assert_eq!((mandate.sid(), mandate.root_sid()), ("authority-record-1", "authority-record-root"));
    assert_eq!((mandate.mandate_use(), mandate.subject_type()), (MandateUse::Resource, SubjectType::User));
    assert!(mandate.scopes().eq(["read", "write"]) && mandate.targets().eq(["resource://api"]));
    assert_eq!(
        (mandate.session_id(), mandate.delegation_id()),
        (Some("session-child"), Some("delegation-1"))
    );
    assert_eq!(mandate.source_session_id(), Some("session-parent"));
    assert_eq!(mandate.target_session_id(), Some("session-child"));
    assert_eq!(mandate.delegation_path(), [Box::from("delegation-1")]);
    let chain: Vec<_> =
        mandate.chain().iter().map(|hop| (hop.application_id(), hop.delegation_id())).collect();
    assert_eq!(chain, [("app-parent", Some("delegation-1")), ("app-1", None)]);
    assert_eq!((mandate.hop_count(), mandate.delegation_graph_epoch()), (1, Some(7)));
    let everything = Requirement::user()
        .scopes(["read", "write"])
        .targets(["resource://api"])
        .agent_session()
        .delegation()
        .chain_contains(["app-parent"])
        .max_hops(1);
    assert_eq!(everything.decide_mandate(&payload), Ok(()));
    assert!(everything.max_hops(0).decide_mandate(&payload).is_err());
    let expired = check(&trusted, &token, 1_790_000_300 + 60).map(drop);
    assert_eq!(expired, Err(TokenError::Expired));
    let other = trusting("https://sts.example.com", "resource://api", "zone-2", golden.jwks());
    assert_eq!(check(&other, &token, NOW + 100).map(drop), Err(TokenError::WrongZone));
}

/// The header, and times with one leeway.
#[test]
fn a_mandate_is_a_plain_jwt_of_es256() {
    let golden = Golden::read();
    let trusted = trusting(golden.issuer(), golden.audience(), golden.zone(), golden.jwks());
    let key = key(&golden, "kid1");
    let header = |media_type: &Value| json!({ "alg": "ES256", "kid": "kid1", "typ": media_type });
    let claims = |issued: i64, expires: i64| {
        json!({
            "iss": golden.issuer(), "aud": golden.audience(), "sub": "user_1", "jti": "j", "client_id": "app_1",
            "sid": "s", "root_sid": "r", "use": "resource", "sub_type": "user", "zone_id": golden.zone(),
            "iat": issued, "exp": expires,
        })
        .to_string()
    };
    let good = claims(NOW, NOW + 900);
    let check_at = |header: &Value, claims: &str| check(&trusted, &sign(&key, header, claims), NOW).map(drop);
    for named in ["JWT", "jwt", "application/jwt"] {
        assert_eq!(check_at(&header(&json!(named)), &good), Ok(()), "{named}");
    }
    for named in ["at+jwt", "JOSE", "rt+jwt", ""] {
        let refused = check_at(&header(&json!(named)), &good);
        assert!(matches!(refused, Err(TokenError::WrongPurpose { .. })), "{named}: {refused:?}");
    }
    let untyped = check_at(&json!({ "alg": "ES256", "kid": "kid1" }), &good);
    assert!(matches!(untyped, Err(TokenError::WrongPurpose { .. })), "{untyped:?}");
    assert_eq!(check_at(&json!({ "alg": "ES256", "typ": "JWT" }), &good), Ok(()), "one key needs no name");
    let other = check_at(&json!({ "alg": "ES384", "kid": "kid1", "typ": "JWT" }), &good);
    assert_eq!(other, Err(TokenError::WrongAlgorithm));
    let typed = header(&json!("JWT"));
    for (issued, expires, expected) in [
        (NOW - 900, NOW - 59, Ok(())),
        (NOW - 900, NOW - 60, Err(TokenError::Expired)),
        (NOW + 60, NOW + 900, Ok(())),
        (NOW + 61, NOW + 900, Err(TokenError::NotYetValid)),
        (NOW, NOW + 100 * 365 * 24 * 60 * 60, Ok(())),
        (NOW, NOW + 100 * 365 * 24 * 60 * 60 + 1, Err(TokenError::UnacceptableLifetime)),
        (NOW, NOW, Err(TokenError::UnacceptableLifetime)),
    ] {
        assert_eq!(check_at(&typed, &claims(issued, expires)), expected, "{issued} {expires}");
    }
    let lacking = good.replace("\"jti\":\"j\",", "");
    assert_eq!(check_at(&typed, &lacking), Err(TokenError::MissingClaim("jti")));
}

/// The same issuer without the profile reads no mandate.
#[test]
fn only_a_profile_makes_a_mandate() {
    let golden = Golden::read();
    let minimal = golden.cases().find(|case| case.name() == "minimal").unwrap();
    let trusted = trusting(golden.issuer(), golden.audience(), golden.zone(), golden.jwks());
    assert!(check(&trusted, minimal.token(), NOW).unwrap().mandate().is_some());
    let keys = JwksSource::fixed(golden.jwks()).unwrap();
    let plain = TrustedIssuer::new(golden.issuer(), keys)
        .audience(golden.audience())
        .algorithms([Algorithm::ES256])
        .profile(super::AccessTokenProfile::Plain)
        .build()
        .unwrap();
    let context = KeyContext { clock: Arc::new(SystemClock), events: None, rests: false };
    plain.prepare(context).unwrap();
    let header = json!({ "alg": "ES256", "kid": "kid1", "typ": "JWT" });
    let claims = json!({
        "iss": golden.issuer(), "aud": golden.audience(), "sub": "u", "jti": "j", "iat": NOW, "exp": NOW + 60,
        "hop_count": true, "zone_id": 1, "use": "gateway",
    });
    let token = sign(&key(&golden, "kid1"), &header, &claims.to_string());
    let payload = check(&plain, &token, NOW).unwrap();
    assert!(payload.mandate().is_none());
    assert_eq!(Requirement::user().decide_mandate(&payload), Ok(()), "nothing is asked of it here");
}

/// Without a setting a mandate lasts a day at most, as every token of another issuer.
#[test]
fn a_lifetime_has_a_default_and_bounds() {
    let golden = Golden::read();
    let issuer = || {
        let keys = JwksSource::fixed(golden.jwks()).unwrap();
        TrustedIssuer::new(golden.issuer(), keys).audience(golden.audience()).mandate(golden.zone())
    };
    assert_eq!(issuer().build().map(|trusted| trusted.longest()).unwrap(), 24 * 60 * 60 + 120);
    let longest = Duration::from_secs(100 * 366 * 24 * 60 * 60);
    assert!(issuer().max_lifetime(longest).build().is_ok());
    assert!(issuer().max_lifetime(longest + Duration::from_secs(1)).build().is_err());
}
