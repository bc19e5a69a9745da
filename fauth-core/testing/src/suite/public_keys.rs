//! Asymmetric keys: the public keys at `/.well-known/jwks.json`, and tokens signed with the private
//! ones.
//!
//! Without the feature `asymmetric` of the core there are no such keys, and the cases do nothing.

use fauth_core::{
    Purpose, TokenRequest,
    token::{Algorithm, Key, verify_jws},
};
use serde_json::Value;

#[cfg(feature = "trusted-issuers")]
use {
    crate::{ManualClock, SECRET},
    fauth_core::token::{KeyRing, Rotation},
    std::time::Duration,
};

use super::cases;
use crate::{
    config_builder, sign,
    suite::{Harness, Probe},
};

const JWKS: &str = "/.well-known/jwks.json";
/// Published with the source, so useless for anything else.
const PRIVATE_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgczDaellsGSO/4h6y\n\
tA9bfZEpPeGSFINfRW2ecR0UUoWhRANCAAQ4z2OIxEIHhduaUIvcF5OmCEMbDnD6\n\
PI8PGQ2aLoEGk1Mv2skuc3Prd+qjJeWKe6KJ2kRB/Gbuzfb08nXghZZG\n\
-----END PRIVATE KEY-----\n\
";
const PREVIOUS_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoLSfPNaKkezqUXNs\n\
Wn3cxiOFtfZdZ938u1FQ/oUH2IOhRANCAAS7FdCBsh4yJ86T+fqPyji6kjiqmlj1\n\
9tLd4SecgGcJq/RlNq8d9axjqejc5YMV/daAT7BEmCMhtNCMLmvywXY9\n\
-----END PRIVATE KEY-----\n\
";

fn key(pem: &str) -> Option<Key> {
    Key::from_pem(Algorithm::ES256, pem).ok()
}

/// An application that signs with ES256, and still accepts tokens of the previous key.
fn signing<H: Harness>() -> Option<Probe<H>> {
    let config = config_builder().signing_key(key(PRIVATE_KEY)?).verification_key(key(PREVIOUS_KEY)?);
    Some(Probe::with(config.build().unwrap(), |builder| builder))
}

/// An application whose key ring starts with a secret and continues with a private key.
#[cfg(feature = "trusted-issuers")]
fn check_ring<H: Harness>() {
    let secret: Vec<u8> = SECRET.bytes().rev().collect();
    let first = Key::hmac(Algorithm::HS256, &secret).unwrap().with_id("secret").unwrap();
    let ring = KeyRing::with_clock(first, ManualClock::new()).unwrap();
    let config = config_builder().key_ring(ring.clone()).build().unwrap();
    let t = Probe::<H>::with(config, |builder| builder);
    let empty = t.get(JWKS).send();
    empty.is(200).has("content-type", "application/json").says("{\"keys\":[]}");
    let Some(key) = key(PRIVATE_KEY) else { return };
    let id = Value::from(key.id().unwrap());
    ring.rotate(key, Rotation::after(Duration::from_secs(600))).unwrap();
    let seen = t.get(JWKS).send();
    assert_eq!(seen.is(200).response.json()["keys"][0]["kid"], id);
    assert_ne!(seen.response.header("etag"), empty.response.header("etag"));
    t.get("/me").bearer(t.access("alice")).send().is(200).says("Hello alice");
}

fn header(algorithm: &str, key: &Key) -> String {
    let id = key.id().unwrap();
    format!("{{\"alg\":\"{algorithm}\",\"typ\":\"at+jwt\",\"kid\":\"{id}\"}}")
}

cases! { $ __public_keys_tests in public_keys;
    fn the_public_keys_are_published(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let seen = t.get(JWKS).send();
        seen.is(200).has("content-type", "application/json").has("cache-control", "public, max-age=300");
        seen.lacks("set-cookie").lacks("www-authenticate");
        let set = seen.response.json();
        let keys = set["keys"].as_array().unwrap();
        let ids: Vec<&Value> = keys.iter().map(|jwk| &jwk["kid"]).collect();
        let expected = [PRIVATE_KEY, PREVIOUS_KEY].map(|pem| Value::from(key(pem).unwrap().id().unwrap()));
        assert_eq!(ids, expected.iter().collect::<Vec<_>>());
        for jwk in keys {
            let mut names: Vec<&String> = jwk.as_object().unwrap().keys().collect();
            // Some features of `serde_json` keep the order of the text.
            names.sort();
            assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"], "public members and no others");
        }
    }

    /// Other services verify tokens of this application with it.
    fn a_published_key_verifies_the_tokens(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let set = t.get(JWKS).send().response.json();
        let verifies = |jwk: &Value, token: &str| {
            verify_jws(token, &Key::from_jwk(&jwk.to_string(), Algorithm::ES256).unwrap()).is_ok()
        };
        let token = t.access("alice");
        assert!(verifies(&set["keys"][0], &token));
        assert!(!verifies(&set["keys"][1], &token));
    }

    fn who_has_the_keys_is_told_so(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let first = t.get(JWKS).send();
        let tag = first.response.header("etag")[0].to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let seen = t.get(JWKS).header("if-none-match", &known).send();
            seen.is(304).says("").has("etag", &tag).has("cache-control", "public, max-age=300");
            seen.lacks("content-type");
        }
        for other in ["\"other\"", "", "x", "\"\"", tag.trim_matches('"')] {
            assert_eq!(t.get(JWKS).header("if-none-match", other).send().is(200).response, first.response);
        }
    }

    fn the_public_keys_are_only_read(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let tag = t.get(JWKS).send().response.header("etag")[0].to_owned();
        t.request("HEAD", JWKS).send().is(200).says("").has("etag", &tag);
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            t.request(method, JWKS).send().is(405).has("allow", "GET, HEAD");
        }
    }

    /// Neither credentials nor a body change what is public.
    fn the_public_keys_are_for_everybody(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let plain = t.get(JWKS).send();
        for token in [t.access("alice"), "x".to_owned()] {
            assert_eq!(t.get(JWKS).bearer(token).send().is(200).response, plain.response);
        }
        assert_eq!(t.get(JWKS).header("cookie", "__Host-session=x").send().is(200).response, plain.response);
        assert_eq!(t.get(JWKS).body("application/json", "{").send().is(200).response, plain.response);
    }

    fn secrets_are_not_published(t) {
        t.get(JWKS).send_to_framework().is(404);
    }

    /// The routes exist before there is a key to publish.
    fn a_ring_publishes_its_first_public_key_at_once(t) {
        t.get(JWKS).send_to_framework().is(404);
        #[cfg(feature = "trusted-issuers")]
        check_ring::<H>();
    }

    fn tokens_of_a_private_key_open_guards(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let pair = t.session("alice");
        t.get("/guards/roles").bearer(pair.access_token().expose()).send().is(200).says("Hello alice");
        t.get("/guards/roles").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/guards/user").bearer(pair.refresh_token().expose()).send().refused(401, "invalid_token");
        let body = format!("{{\"refresh_token\":\"{}\"}}", pair.refresh_token().expose());
        let renewed = t.post("/refresh").body("application/json", body).once();
        t.get("/me").bearer(renewed.is(200).token("access_token")).send().is(200).says("Hello alice");
    }

    /// For as long as it is configured.
    fn tokens_of_the_previous_key_open_guards(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let before = config_builder().signing_key(key(PREVIOUS_KEY).unwrap()).build().unwrap();
        let token = Probe::<H>::with(before, |builder| builder).access("alice");
        t.get("/guards/user").bearer(&token).send().is(200).says("Hello alice");
        let after = config_builder().signing_key(key(PRIVATE_KEY).unwrap()).build().unwrap();
        let after = Probe::<H>::with(after, |builder| builder);
        after.get("/guards/user").bearer(&token).send().refused(401, "invalid_token");
    }

    /// The secret beside the key signs no tokens, whatever a header says, and neither does the
    /// public key.
    fn a_private_key_is_not_confused_with_a_secret(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let good = t.access("alice");
        let claims = String::from_utf8(verify_jws(&good, &key(PRIVATE_KEY).unwrap()).unwrap()).unwrap();
        let key = key(PRIVATE_KEY).unwrap();
        for algorithm in ["HS256", "ES256", "none", "RS256"] {
            let forged = sign(&header(algorithm, &key), &claims);
            t.get("/guards/user").bearer(&forged).send().refused(401, "invalid_token");
        }
        let public = key.public_jwk().unwrap();
        let forged = crate::sign_with(Algorithm::HS256, public.as_bytes(), header("HS256", &key), &claims);
        t.get("/guards/user").bearer(&forged).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(&good).send().is(200);
    }

    /// `r` and `s` of 0, a truncated signature, and that of other claims.
    fn wrong_signatures_are_refused(t) {
        t = match signing() { Some(probe) => probe, None => return };
        let (token, other) = (t.access("alice"), t.token(Purpose::Access, TokenRequest::for_subject("bob")));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (_, of_other) = other.rsplit_once('.').unwrap();
        let zeros = "A".repeat(signature.len());
        for wrong in [&zeros, of_other, &signature[..signature.len() - 4], &format!("{signature}AAAA"), ""] {
            let forged = format!("{signed}.{wrong}");
            t.get("/guards/user").bearer(&forged).send().refused(401, "invalid_token");
        }
        t.get("/guards/user").bearer(&token).send().is(200);
    }
}
