//! Asymmetric keys: published vectors, what other libraries make of our tokens, and providers that
//! sign with them.

use std::{collections::BTreeMap, fs};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthConfig, Purpose, TokenRequest,
    token::{Algorithm, Key, KeyError, TokenError, verify_jws},
};
use fauth_testing::{SECRET, Users, at_once};
use serde_json::Value;

use super::support::*;

macro_rules! key_file {
    ($name:literal) => {
        include_str!(concat!("../keys/", $name))
    };
}

pub(crate) const PRIVATE: [(Algorithm, &str); 9] = [
    (Algorithm::ES256, key_file!("p256.pem")),
    (Algorithm::ES384, key_file!("p384.pem")),
    (Algorithm::EdDSA, key_file!("ed25519.pem")),
    (Algorithm::RS256, key_file!("rsa-2048.pem")),
    (Algorithm::RS384, key_file!("rsa-2048.pem")),
    (Algorithm::RS512, key_file!("rsa-2048.pem")),
    (Algorithm::PS256, key_file!("rsa-2048.pem")),
    (Algorithm::PS384, key_file!("rsa-2048.pem")),
    (Algorithm::PS512, key_file!("rsa-2048.pem")),
];

pub(crate) fn private(algorithm: Algorithm) -> Key {
    let (_, pem) = PRIVATE.into_iter().find(|(other, _)| *other == algorithm).unwrap();
    Key::from_pem(algorithm, pem).unwrap()
}

/// The public half alone.
pub(crate) fn public(key: &Key) -> Key {
    Key::from_jwk(&key.public_jwk().unwrap(), key.algorithm()).unwrap()
}

/// A provider that signs with this key, and has a secret beside it.
fn signing_with(key: Key) -> Auth {
    auth(|config| config.signing_key(key).issuer(ISSUER).audience(AUDIENCE))
}

// ---------------------------------------------------------------------------- Wycheproof

/// Where the verdict differs from the file's, by number.
const DIFFERENT: [(u64, &str); 4] = [
    (346, "called valid: a PS384 token under a key whose `alg` is PS256; a key has one algorithm"),
    (347, "called valid: the key is on P-521 and its `alg` is misspelt ES521; neither is supported"),
    (350, "as 346"),
    (351, "as 347"),
];

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

/// A JWK with an algorithm of its own, or else the usual one of its kind.
fn load(jwk: &Value) -> Result<Key, KeyError> {
    let named = jwk["alg"].as_str();
    let usual = if jwk["kty"] == "RSA" { Algorithm::RS256 } else { Algorithm::ES256 };
    let algorithm = match named {
        None => usual,
        Some(named) => Algorithm::ALL.into_iter().find(|own| own.as_str() == named).unwrap_or(usual),
    };
    Key::from_jwk(&jwk.to_string(), algorithm)
}

#[test]
fn wycheproof() {
    let file = read_json(&vectors().join("wycheproof/json_web_signature_test.json"));
    let (mut different, mut refused_keys, mut verdicts) = (vec![], vec![], 0);
    for group in array(&file, "testGroups").iter().filter(|group| group["public"]["kty"].is_string()) {
        let key = load(&group["public"]);
        if let Err(error) = &key {
            refused_keys.push((group["tests"][0]["tcId"].as_u64().unwrap(), error.clone()));
        }
        for case in array(group, "tests") {
            let compact = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
            let accepted = key.as_ref().is_ok_and(|key| verify_jws(&compact, key).is_ok());
            if accepted != (case["result"] == "valid") {
                different.push(case["tcId"].as_u64().unwrap());
            }
            verdicts += 1;
        }
    }
    assert_eq!(different, DIFFERENT.map(|(number, _)| number));
    assert_eq!(verdicts, 361);
    let misspelt = KeyError::OtherAlgorithm { algorithm: Algorithm::ES256, named: "ES521".into() };
    let not_for_signatures = [353, 354, 355, 356].map(|number| (number, KeyError::NotForSignatures));
    assert_eq!(refused_keys, [&[(347, misspelt.clone()), (351, misspelt)][..], &not_for_signatures].concat());
}

/// 349 is about its private key: `key_ops` is one string that looks like a list.
#[test]
fn wycheproof_private_keys() {
    let file = read_json(&vectors().join("wycheproof/json_web_signature_test.json"));
    let mut refused = BTreeMap::new();
    for group in array(&file, "testGroups").iter().filter(|group| group["public"]["kty"].is_string()) {
        let private = &group["private"];
        match load(private) {
            Ok(key) => {
                assert!(key.can_sign());
                assert_eq!(key.public_jwk(), load(&group["public"]).unwrap().public_jwk());
            }
            Err(error) => drop(refused.insert(group["tests"][0]["tcId"].as_u64().unwrap(), error)),
        }
    }
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), [347, 349, 351, 353, 354, 355, 356]);
    assert_eq!(refused[&349], KeyError::NotForSignatures);
}

// ---------------------------------------------------------------------------- RFC 7520, RFC 8037

#[test]
fn rfc7520_and_rfc8037() {
    for (name, algorithm) in [
        ("jws/4_1.rsa_v15_signature.json", Algorithm::RS256),
        ("jws/4_2.rsa-pss_signature.json", Algorithm::PS384),
        ("curve25519/jws.json", Algorithm::EdDSA),
    ] {
        let example = read_json(&vectors().join("rfc7520").join(name));
        let key = Key::from_jwk(&example["input"]["key"].to_string(), algorithm).unwrap();
        assert!(key.can_sign(), "the example has the private key");
        let compact = text(&example["output"], "compact");
        for key in [public(&key), key] {
            let payload = verify_jws(compact, &key).unwrap();
            assert_eq!(String::from_utf8(payload).unwrap(), text(&example["input"], "payload"), "{name}");
        }
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            if let Ok(key) = Key::from_jwk(&example["input"]["key"].to_string(), other) {
                assert_eq!(verify_jws(compact, &key), Err(TokenError::WrongAlgorithm), "{name}, {other}");
            }
        }
    }
    let p521 = read_json(&vectors().join("rfc7520/jws/4_3.ecdsa_signature.json"))["input"]["key"].to_string();
    let refused = KeyError::UnsupportedKind { name: "P-521".into() };
    assert_eq!(Key::from_jwk(&p521, Algorithm::ES256).unwrap_err(), refused);
}

/// `EdDSA` is deterministic: the token of RFC 8037 appendix A.4.
#[test]
fn rfc8037_example() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = Key::from_jwk(jwk, Algorithm::EdDSA).unwrap();
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIb\
                 QR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(verify_jws(token, &key).unwrap(), b"Example of Ed25519 signing");
}

// ---------------------------------------------------------------------------- joserfc

fn joserfc_file(name: &str) -> String {
    fs::read_to_string(vectors().join("joserfc/keys").join(name)).unwrap()
}

#[test]
fn every_key_file_of_joserfc_has_a_verdict() {
    let unsupported = |name: &str| Err(KeyError::UnsupportedKind { name: name.into() });
    let expected = [
        ("RFC7520-EC-private.json", Algorithm::ES256, unsupported("P-521")),
        ("RFC7520-EC-public.json", Algorithm::ES256, unsupported("P-521")),
        ("RFC7520-RSA-private.json", Algorithm::RS256, Ok(true)),
        ("RFC7520-RSA-public.json", Algorithm::RS256, Ok(false)),
        ("ec-p256-private.pem", Algorithm::ES256, Ok(true)),
        ("ec-p256-public.pem", Algorithm::ES256, Ok(false)),
        ("ec-p384-private.pem", Algorithm::ES384, Ok(true)),
        ("ec-p384-public.pem", Algorithm::ES384, Ok(false)),
        ("ec-p512-private.pem", Algorithm::ES384, unsupported("P-521")),
        ("ec-p512-public.pem", Algorithm::ES384, unsupported("P-521")),
        ("ec-secp256k1-private.pem", Algorithm::ES256, unsupported("secp256k1")),
        ("ec-secp256k1-public.pem", Algorithm::ES256, unsupported("secp256k1")),
        ("okp-ed25519-private.json", Algorithm::EdDSA, Ok(true)),
        ("okp-ed25519-public.json", Algorithm::EdDSA, Ok(false)),
        ("okp-ed448-private.pem", Algorithm::EdDSA, unsupported("Ed448")),
        ("okp-ed448-public.pem", Algorithm::EdDSA, unsupported("Ed448")),
        ("rsa-openssl-private.pem", Algorithm::RS256, Ok(true)),
        ("rsa-openssl-public.pem", Algorithm::RS256, Ok(false)),
    ];
    for (name, algorithm, verdict) in expected {
        let key = Key::from_text(algorithm, &joserfc_file(name));
        assert_eq!(key.map(|key| key.can_sign()), verdict, "{name}");
        let path = vectors().join("joserfc/keys").join(name);
        assert_eq!(Key::from_file(algorithm, path).is_ok(), verdict.is_ok());
    }
}

#[test]
fn joserfc_tokens() {
    let mut verified = 0;
    for file in ["jws_examples.json", "jwt_use_jws.json"] {
        for case in array(&read_json(&vectors().join("joserfc").join(file)), "tests") {
            let algorithm = Algorithm::ALL.into_iter().find(|own| own.as_str() == text(case, "name"));
            let token = case["compact"].as_str().or(case["token"].as_str());
            let (Some(algorithm), Some(token), Some(name)) = (algorithm, token, case["public_key"].as_str())
            else {
                continue;
            };
            let key = Key::from_text(algorithm, &joserfc_file(name)).unwrap();
            assert!(verify_jws(token, &key).is_ok(), "{file}: {algorithm}");
            verified += 1;
        }
    }
    assert!(verified >= 5, "{verified}");
}

// ---------------------------------------------------------------------------- our own tokens

/// What another library reads with the key that we publish.
fn read_by_another(token: &str, jwk: &str, algorithm: Algorithm) -> Option<Value> {
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(jwk).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(algorithm.as_str().parse().unwrap());
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    jsonwebtoken::decode(token, &key, &validation).ok().map(|data| data.claims)
}

#[test]
fn others_verify_our_tokens() {
    for (algorithm, _) in PRIVATE {
        let key = private(algorithm);
        let auth = signing_with(key.clone());
        let issued = at_once(auth.issue(Purpose::Access, TokenRequest::for_subject("alice"))).unwrap();
        let token = issued.expose();
        assert!(auth.verify_signature_and_claims(token, Purpose::Access).is_ok(), "{algorithm}");
        assert!(auth.verify_signature_and_claims(token, Purpose::Refresh).is_err());
        let jwk = key.public_jwk().unwrap();
        let claims = read_by_another(token, &jwk, algorithm).unwrap();
        assert_eq!(claims["sub"], "alice", "{algorithm}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(read_by_another(&format!("{signed}x.{signature}"), &jwk, algorithm).is_none());
        // `kid` is the thumbprint.
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!((header["kid"].as_str(), header["alg"].as_str()), (key.id(), Some(algorithm.as_str())));
        changed_signatures_are_refused(&auth, signed, signature);
    }
}

fn changed_signatures_are_refused(auth: &Auth, signed: &str, signature: &str) {
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verdict = |bytes: &[u8]| {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
        auth.verify_signature_and_claims(&token, Purpose::Access).map(drop)
    };
    assert_eq!(verdict(&bytes), Ok(()));
    for position in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert_eq!(verdict(&changed), Err(TokenError::BadSignature));
    }
    for wrong in
        [&bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[0; 1024], &[0; 1025]]
    {
        assert_eq!(verdict(wrong), Err(TokenError::BadSignature), "{}", wrong.len());
    }
}

/// RSA public key as HMAC secret: the token names HS256, and is signed with what everybody knows.
#[test]
fn jwt_key_confusion() {
    for (algorithm, _) in PRIVATE {
        let key = private(algorithm);
        let auth = signing_with(key.clone());
        let id = format!("\"{}\"", key.id().unwrap());
        let jwk = key.public_jwk().unwrap();
        for forged in [header(), header().with("kid", &id)] {
            let secret = jwk.as_bytes();
            let token = fauth_testing::sign_with(Algorithm::HS256, secret, forged.text(), claims().text());
            let verdict = auth.verify_signature_and_claims(&token, Purpose::Access).map(drop);
            assert_eq!(verdict, Err(TokenError::WrongAlgorithm), "{algorithm}");
        }
        // Nor does the secret beside the key sign tokens.
        let token = fauth_testing::sign(&header().with("kid", &id).text(), &claims().text());
        assert!(auth.verify_signature_and_claims(&token, Purpose::Access).is_err(), "{SECRET}");
    }
}

/// Two algorithms of one RSA key: the header may name the other one, and it is refused.
#[test]
fn one_key_one_algorithm() {
    let other = signing_with(private(Algorithm::PS256).with_id("k").unwrap());
    let token = at_once(other.issue(Purpose::Access, TokenRequest::for_subject("alice"))).unwrap();
    let auth = signing_with(private(Algorithm::RS256).with_id("k").unwrap());
    let verdict = auth.verify_signature_and_claims(token.expose(), Purpose::Access).map(drop);
    assert_eq!(verdict, Err(TokenError::WrongAlgorithm));
}

#[test]
fn an_asymmetric_key_needs_a_secret_beside_it() {
    let config = || AuthConfig::builder().signing_key(private(Algorithm::ES256));
    let error = config().build().unwrap_err();
    assert_eq!(error.field(), "secret");
    assert!(error.to_string().contains("openssl rand -base64 48"), "{error}");
    assert!(config().secret(SECRET).build().is_ok());
    let only_public = public(&private(Algorithm::ES256));
    let error = AuthConfig::builder().secret(SECRET).signing_key(only_public.clone()).build().unwrap_err();
    assert_eq!(error.field(), "signing_key");
    assert!(AuthConfig::builder().secret(SECRET).verification_key(only_public).build().is_ok());
}

/// Old tokens of a secret stay good while a private key takes over, if the secret is named as a
/// key.
#[test]
fn from_a_secret_to_a_private_key() {
    let old = auth(|config| config);
    let token = at_once(old.issue(Purpose::Access, TokenRequest::for_subject("alice"))).unwrap();
    let secret = || Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
    let with = auth(|config| config.signing_key(private(Algorithm::ES256)).verification_key(secret()));
    assert!(with.verify_signature_and_claims(token.expose(), Purpose::Access).is_ok());
    let without = auth(|config| config.signing_key(private(Algorithm::ES256)));
    assert!(without.verify_signature_and_claims(token.expose(), Purpose::Access).is_err());
}

#[test]
fn the_environment_names_a_key_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/");
    let from = |vars: &[(&str, &str)]| {
        AuthConfig::from_vars(|name| {
            let mut vars = vars.iter().chain(&[("FAUTH_SECRET_KEY", SECRET)]);
            vars.find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        })
    };
    let file = |name: &str| format!("{folder}{name}");
    let (p256, next, missing) = (file("p256.pem"), file("p256-next.pem"), file("missing.pem"));
    let algorithm = ("FAUTH_SIGNING_ALGORITHM", "ES256");
    let config = from(&[("FAUTH_SIGNING_KEY_FILE", &p256), algorithm]).unwrap();
    let auth = fauth_testing::provider_with(config, &Users::new()).build().unwrap();
    let token = at_once(auth.issue(Purpose::Access, TokenRequest::for_subject("alice"))).unwrap();
    assert!(verify_jws(token.expose(), &private(Algorithm::ES256)).is_ok());
    let pem = fs::read_to_string(&p256).unwrap();
    assert!(from(&[("FAUTH_SIGNING_KEY", &pem), algorithm]).is_ok());
    let previous = ("FAUTH_PREVIOUS_SIGNING_KEY_FILE", &*p256);
    let config = from(&[("FAUTH_SIGNING_KEY_FILE", &next), algorithm, previous]).unwrap();
    let auth = fauth_testing::provider_with(config, &Users::new()).build().unwrap();
    assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_ok());
    for (vars, field) in [
        (&[("FAUTH_SIGNING_KEY_FILE", &*p256)][..], "FAUTH_SIGNING_ALGORITHM"),
        (
            &[("FAUTH_SIGNING_KEY_FILE", &p256), ("FAUTH_SIGNING_ALGORITHM", "HS256")],
            "FAUTH_SIGNING_ALGORITHM",
        ),
        (
            &[("FAUTH_SIGNING_KEY_FILE", &p256), ("FAUTH_SIGNING_ALGORITHM", "es256")],
            "FAUTH_SIGNING_ALGORITHM",
        ),
        (
            &[("FAUTH_SIGNING_KEY_FILE", &p256), ("FAUTH_SIGNING_ALGORITHM", "ES384")],
            "FAUTH_SIGNING_KEY_FILE",
        ),
        (&[("FAUTH_SIGNING_KEY_FILE", &missing), algorithm], "FAUTH_SIGNING_KEY_FILE"),
        (&[("FAUTH_SIGNING_KEY_FILE", &p256), ("FAUTH_SIGNING_KEY", &pem), algorithm], "FAUTH_SIGNING_KEY"),
        (&[("FAUTH_SIGNING_KEY", "secret"), algorithm], "FAUTH_SIGNING_KEY"),
        (&[algorithm], "FAUTH_SIGNING_ALGORITHM"),
        (&[previous], "FAUTH_PREVIOUS_SIGNING_KEY_FILE"),
        (&[("FAUTH_ALGORITHM", "ES256")], "FAUTH_ALGORITHM"),
    ] {
        assert_eq!(from(vars).map(drop).map_err(|error| error.field()), Err(field), "{vars:?}");
    }
    let only_public = file("p256.pub.pem");
    let error = from(&[("FAUTH_SIGNING_KEY_FILE", &only_public), algorithm]).unwrap_err();
    assert_eq!(error.field(), "FAUTH_SIGNING_KEY_FILE");
    let unreadable = Key::from_file(Algorithm::ES256, &missing).unwrap_err().to_string();
    assert!(unreadable.contains("missing.pem"), "{unreadable}");
}
