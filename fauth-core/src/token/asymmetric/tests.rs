//! Every key that is refused, and the two implementations compared.

mod encodings;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{super::keys::Key, *};

macro_rules! key_file {
    ($name:literal) => {
        include_str!(concat!("../../../tests/keys/", $name))
    };
}

const ES256: &str = key_file!("p256.pem");
const ES384: &str = key_file!("p384.pem");
const EDDSA: &str = key_file!("ed25519.pem");
const RSA: &str = key_file!("rsa-2048.pem");

const RSA_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A good public key for each algorithm.
fn public(algorithm: Algorithm) -> Value {
    let pem = match algorithm.key_kind() {
        super::super::algorithm::KeyKind::P256 => key_file!("p256.pub.pem"),
        super::super::algorithm::KeyKind::P384 => key_file!("p384.pub.pem"),
        super::super::algorithm::KeyKind::Ed25519 => key_file!("ed25519.pub.pem"),
        _ => key_file!("rsa-2048.pub.pem"),
    };
    serde_json::from_str(&Key::from_pem(algorithm, pem).unwrap().public_jwk().unwrap()).unwrap()
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

#[track_caller]
fn refused(jwk: &Value, algorithm: Algorithm) -> KeyError {
    Key::from_jwk(&jwk.to_string(), algorithm).unwrap_err()
}

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn the_forms_of_pem_are_the_same_key() {
    let thumbprint = |algorithm, pem: &str| Key::from_pem(algorithm, pem).unwrap().id().unwrap().to_owned();
    let rsa = [
        RSA,
        key_file!("rsa-2048.pub.pem"),
        key_file!("rsa-2048.pkcs1.pub.pem"),
        #[cfg(feature = "asymmetric")]
        key_file!("rsa-2048.pkcs1.pem"),
    ];
    // Without aws-lc-rs a private key is refused.
    let rsa = &rsa[usize::from(cfg!(not(feature = "asymmetric")))..];
    for pem in rsa {
        assert_eq!(thumbprint(Algorithm::RS256, pem), thumbprint(Algorithm::PS512, rsa[rsa.len() - 1]));
    }
    assert_eq!(thumbprint(Algorithm::ES256, ES256), thumbprint(Algorithm::ES256, key_file!("p256.pub.pem")));
    assert_eq!(thumbprint(Algorithm::ES384, ES384), thumbprint(Algorithm::ES384, key_file!("p384.pub.pem")));
    assert_eq!(
        thumbprint(Algorithm::EdDSA, EDDSA),
        thumbprint(Algorithm::EdDSA, key_file!("ed25519.pub.pem"))
    );
    // A block `EC PARAMETERS` precedes it.
    assert!(Key::from_pem(Algorithm::ES256, key_file!("p256.sec1.pem")).unwrap().can_sign());
    assert!(!Key::from_pem(Algorithm::ES256, key_file!("p256.pub.pem")).unwrap().can_sign());
}

#[test]
fn der_is_read_as_pem_is() {
    for (algorithm, pem) in [(Algorithm::ES256, ES256), (Algorithm::EdDSA, EDDSA), (Algorithm::ES384, ES384)]
    {
        let (_, der) = pem::decode(pem).unwrap();
        assert_eq!(Key::from_der(algorithm, &der).unwrap().id(), Key::from_pem(algorithm, pem).unwrap().id());
        // A truncated or extended text is not a key, and nothing panics.
        for length in 0..der.len() {
            assert!(Key::from_der(algorithm, &der[..length]).is_err(), "{length}");
        }
        assert_eq!(Key::from_der(algorithm, &[&**der, &[0]].concat()).unwrap_err(), KeyError::MalformedDer);
    }
    for pem in [key_file!("rsa-2048.pub.pem"), key_file!("rsa-2048.pkcs1.pub.pem")] {
        let (structure, der) = pem::decode(pem).unwrap();
        assert_eq!(Structure::of(&der).unwrap(), structure);
        assert!(Key::from_der(Algorithm::RS256, &der).is_ok());
    }
}

/// Each byte of a key is changed in turn: the result is an error or another key, never a panic.
#[test]
fn damaged_keys_do_not_panic() {
    for (algorithm, pem) in [
        (Algorithm::ES256, ES256),
        (Algorithm::EdDSA, key_file!("ed25519.pub.pem")),
        (Algorithm::RS256, key_file!("rsa-2048.pub.pem")),
    ] {
        let (_, der) = pem::decode(pem).unwrap();
        for position in 0..der.len().min(64) {
            for bit in [1, 0x80] {
                let mut damaged = der.to_vec();
                damaged[position] ^= bit;
                let _ = Key::from_der(algorithm, &damaged);
            }
        }
    }
}

#[test]
fn pem_that_holds_no_such_key_is_refused() {
    let es256 = |pem: &str| Key::from_pem(Algorithm::ES256, pem).unwrap_err();
    assert_eq!(es256(key_file!("encrypted.pem")), KeyError::Encrypted);
    assert_eq!(es256(key_file!("encrypted.sec1.pem")), KeyError::Encrypted);
    assert_eq!(es256(key_file!("certificate.pem")), KeyError::Certificate);
    assert_eq!(es256(&[ES256, key_file!("p256.pub.pem")].concat()), KeyError::SeveralKeys);
    for text in
        ["", "secret", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----\nAAAA", &"-----BEGIN ".repeat(9999)]
    {
        assert_eq!(es256(text), KeyError::MalformedPem);
    }
    assert_eq!(es256(&ES256.replace("MIG", "M*G")), KeyError::MalformedPem);
    assert_eq!(es256(&ES256.replace("PRIVATE KEY", "PUBLIC KEY")), KeyError::MalformedDer);
    assert_eq!(es256(key_file!("p256-explicit.pem")), KeyError::MalformedDer);
    let kind = |pem: &str| match es256(pem) {
        KeyError::UnsupportedKind { name } => name.into_string(),
        other => panic!("{other}"),
    };
    assert_eq!(kind(key_file!("x25519.pem")), "X25519");
    assert_eq!(kind(key_file!("rsa-pss.pem")), "RSASSA-PSS");
    for (algorithm, pem, found) in [
        (Algorithm::ES256, ES384, "a key on the curve P-384"),
        (Algorithm::ES384, ES256, "a key on the curve P-256"),
        (Algorithm::ES256, RSA, "an RSA key"),
        (Algorithm::RS256, EDDSA, "an Ed25519 key"),
        (Algorithm::EdDSA, key_file!("p256.pub.pem"), "a key on the curve P-256"),
    ] {
        let error = Key::from_pem(algorithm, pem).unwrap_err();
        assert_eq!(error, KeyError::WrongKind { algorithm, found });
        assert!(error.to_string().contains("openssl genpkey"), "{error}");
    }
}

/// CVE-2022-29217 and related: public data is never a secret.
#[test]
fn key_confusion() {
    for algorithm in Algorithm::HMAC {
        for pem in
            [ES256, key_file!("p256.pub.pem"), key_file!("rsa-2048.pub.pem"), key_file!("ed25519.pub.pem")]
        {
            assert!(matches!(Key::from_pem(algorithm, pem), Err(KeyError::WrongKind { .. })));
            assert_eq!(Key::hmac(algorithm, pem.as_bytes()).unwrap_err(), KeyError::LooksLikeKeyFile);
            let (_, der) = pem::decode(pem).unwrap();
            assert!(matches!(Key::from_der(algorithm, &der), Err(KeyError::WrongKind { .. })));
        }
        let jwk = public(Algorithm::ES256);
        assert!(matches!(refused(&jwk, algorithm), KeyError::WrongKind { .. }));
    }
    let oct = json!({ "kty": "oct", "k": base64([7; 64]) });
    assert!(matches!(refused(&oct, Algorithm::ES256), KeyError::WrongKind { .. }));
}

#[test]
fn weak_rsa_keys_are_refused() {
    assert_eq!(
        Key::from_pem(Algorithm::RS256, key_file!("rsa-1024.pem")).unwrap_err(),
        KeyError::RsaSize { bits: 1024 }
    );
    #[cfg(feature = "asymmetric")]
    assert!(Key::from_pem(Algorithm::RS256, key_file!("rsa-exponent-3.pem")).is_ok());
    let good = public(Algorithm::RS256);
    let n = bytes(&good, "n");
    let bits = |bytes: usize, first: u8| {
        let mut n = vec![0xff; bytes];
        n[0] = first;
        with(good.clone(), "n", base64(n))
    };
    for algorithm in RSA_ALGORITHMS {
        let good = with(good.clone(), "alg", algorithm.as_str());
        assert!(Key::from_jwk(&good.to_string(), algorithm).is_ok());
        for (e, error) in [
            (&b"\x01"[..], KeyError::RsaExponent),
            (b"\x02", KeyError::RsaExponent),
            (b"\x01\x00\x00", KeyError::RsaExponent),
            (b"", KeyError::RsaExponent),
            (b"\x04\x00\x00\x00\x01", KeyError::RsaExponent),
        ] {
            assert_eq!(refused(&with(good.clone(), "e", base64(e)), algorithm), error, "{e:?}");
        }
        assert!(Key::from_jwk(&with(good.clone(), "e", base64([3])).to_string(), algorithm).is_ok());
        let mut even = n.clone();
        *even.last_mut().unwrap() &= 0xfe;
        assert_eq!(refused(&with(good.clone(), "n", base64(even)), algorithm), KeyError::Inconsistent);
    }
    let rs256 = Algorithm::RS256;
    assert_eq!(refused(&bits(256, 0x7f), rs256), KeyError::RsaSize { bits: 2047 });
    assert!(Key::from_jwk(&bits(256, 0x80).to_string(), rs256).is_ok());
    assert!(Key::from_jwk(&bits(1024, 0xff).to_string(), rs256).is_ok());
    assert_eq!(refused(&bits(1025, 1), rs256), KeyError::RsaSize { bits: 8193 });
    let zeros = with(good.clone(), "n", base64([&[0, 0], &*n].concat()));
    assert_eq!(
        Key::from_jwk(&zeros.to_string(), rs256).unwrap().public_jwk().unwrap().len(),
        good.to_string().len()
    );
    assert_eq!(refused(&with(good, "n", "*"), rs256), KeyError::Malformed);
}

#[test]
fn points_lie_on_their_curve() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        let good = public(algorithm);
        let x = bytes(&good, "x");
        let mut off = x.clone();
        *off.last_mut().unwrap() ^= 1;
        assert_eq!(
            refused(&with(good.clone(), "x", base64(off)), algorithm),
            KeyError::InvalidPoint { algorithm }
        );
        // The point at infinity, and a number outside the field.
        let zero = base64(vec![0; x.len()]);
        let origin = with(with(good.clone(), "x", &*zero), "y", &*zero);
        assert_eq!(refused(&origin, algorithm), KeyError::InvalidPoint { algorithm });
        let huge = base64(vec![0xff; x.len()]);
        assert_eq!(refused(&with(good.clone(), "x", huge), algorithm), KeyError::InvalidPoint { algorithm });
        for length in [0, 1, x.len() - 1, x.len() + 1] {
            let error = refused(&with(good.clone(), "x", base64(vec![1; length])), algorithm);
            assert!(matches!(error, KeyError::EcLength { .. }), "{error}");
        }
    }
}

/// With `jsonwebtoken` in pure Rust such a key panics at every verification.
#[test]
fn okp_short_key() {
    let good = public(Algorithm::EdDSA);
    for length in [0, 1, 3, 31, 33, 57] {
        assert_eq!(
            refused(&with(good.clone(), "x", base64(vec![1; length])), Algorithm::EdDSA),
            KeyError::Ed25519Length { actual: length }
        );
    }
}

/// With a public key of small order one signature is valid for any message.
#[test]
fn points_of_small_order_are_refused() {
    let good = public(Algorithm::EdDSA);
    let mut weak: Vec<[u8; 32]> = vec![[0; 32]];
    for first in [1, 0xec, 0xed, 0xee] {
        let mut point = [if first == 1 { 0 } else { 0xff }; 32];
        (point[0], point[31]) = (first, if first == 1 { 0 } else { 0x7f });
        weak.push(point);
    }
    for hex in [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        weak.push(std::array::from_fn(byte));
    }
    for point in weak {
        for sign in [0, 0x80] {
            let mut point = point;
            point[31] |= sign;
            assert_eq!(
                refused(&with(good.clone(), "x", base64(point)), Algorithm::EdDSA),
                KeyError::InvalidPoint { algorithm: Algorithm::EdDSA },
                "{point:x?}"
            );
        }
    }
}

#[test]
fn a_jwk_is_taken_at_its_word() {
    let algorithm = Algorithm::ES256;
    let good = || public(algorithm);
    let named = |name: &str| KeyError::OtherAlgorithm { algorithm, named: name.into() };
    assert_eq!(refused(&with(good(), "alg", "ES384"), algorithm), named("ES384"));
    assert_eq!(refused(&with(good(), "alg", "none"), algorithm), named("none"));
    assert_eq!(refused(&with(good(), "use", "enc"), algorithm), KeyError::NotForSignatures);
    assert_eq!(refused(&with(good(), "key_ops", json!(["sign"])), algorithm), KeyError::NotForSignatures);
    assert_eq!(
        refused(&with(good(), "key_ops", json!(["sign, verify"])), algorithm),
        KeyError::NotForSignatures
    );
    assert!(Key::from_jwk(&with(good(), "key_ops", json!(["verify"])).to_string(), algorithm).is_ok());
    assert_eq!(refused(&with(good(), "kid", "a b"), algorithm), KeyError::InvalidId);
    assert_eq!(
        Key::from_jwk(&with(good(), "kid", "mine").to_string(), algorithm).unwrap().id(),
        Some("mine")
    );
    let unsupported = |name: &str| KeyError::UnsupportedKind { name: name.into() };
    for (kty, crv) in
        [("EC", "P-521"), ("EC", "secp256k1"), ("OKP", "Ed448"), ("OKP", "X25519"), ("EC", "Ed25519")]
    {
        assert_eq!(refused(&with(with(good(), "kty", kty), "crv", crv), algorithm), unsupported(crv));
    }
    assert_eq!(refused(&with(good(), "kty", "AKP"), algorithm), unsupported("AKP"));
    for name in ["kty", "crv", "x", "y"] {
        let mut jwk = good();
        jwk.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(&jwk, algorithm), KeyError::Malformed, "{name}");
    }
    let twice = good().to_string().replace("\"kty\"", "\"kty\":\"oct\",\"kty\"");
    assert_eq!(Key::from_jwk(&twice, algorithm).unwrap_err(), KeyError::Malformed);
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let ec = |d: &[u8]| with(public(Algorithm::ES256), "d", base64(d));
    assert_eq!(refused(&ec(&[7; 32]), Algorithm::ES256), KeyError::Inconsistent);
    assert_eq!(refused(&ec(&[0; 32]), Algorithm::ES256), KeyError::Inconsistent);
    assert_eq!(refused(&ec(&[0xff; 32]), Algorithm::ES256), KeyError::Inconsistent);
    let okp = with(public(Algorithm::EdDSA), "d", base64([7; 32]));
    assert_eq!(refused(&okp, Algorithm::EdDSA), KeyError::Inconsistent);
    let rsa = with(public(Algorithm::RS256), "d", base64([7; 256]));
    assert_eq!(refused(&rsa, Algorithm::RS256), KeyError::IncompletePrivateKey);
    let several = with(rsa, "oth", json!([]));
    assert!(matches!(refused(&several, Algorithm::RS256), KeyError::UnsupportedKind { .. }));
}

/// RFC 7638 section 3.1 and RFC 8037 appendix A.3.
#[test]
fn thumbprints() {
    let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}"#;
    let id = |json: &str, algorithm| Key::from_jwk(json, algorithm).unwrap().id().map(str::to_owned).unwrap();
    assert_eq!(id(rsa, Algorithm::RS256), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(id(ed25519, Algorithm::EdDSA), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn only_public_members_are_published() {
    for (algorithm, pem) in [(Algorithm::ES256, ES256), (Algorithm::EdDSA, EDDSA), (Algorithm::ES384, ES384)]
    {
        let key = Key::from_pem(algorithm, pem).unwrap();
        assert!(key.can_sign());
        let jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
        for name in jwk.as_object().unwrap().keys() {
            assert!(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"].contains(&&**name), "{name}");
        }
        // Reading it again yields the same key, which now only verifies.
        let again = Key::from_jwk(&jwk.to_string(), algorithm).unwrap();
        assert_eq!((again.id(), again.can_sign()), (key.id(), false));
        let shown = format!("Key {{ id: {:?}, algorithm: {algorithm:?}, .. }}", key.id());
        assert_eq!(format!("{key:?}"), shown);
    }
    assert_eq!(Key::hmac(Algorithm::HS256, &(0..32).collect::<Vec<u8>>()).unwrap().public_jwk(), None);
}

/// CVE-2022-21449 and related.
#[test]
fn degenerate_signatures() {
    for (algorithm, pem, bytes) in
        [(Algorithm::ES256, ES256, 64), (Algorithm::ES384, ES384, 96), (Algorithm::EdDSA, EDDSA, 64)]
    {
        let key = Key::from_pem(algorithm, pem).unwrap();
        let good = key.sign(b"message").unwrap();
        let good = good.as_bytes();
        assert_eq!(good.len(), bytes);
        assert!(key.verifies(b"message", good));
        assert!(!key.verifies(b"messagf", good));
        let half = bytes / 2;
        let part = |first: u8, second: u8| [vec![first; half], vec![second; half]].concat();
        for wrong in [part(0, 0), part(0xff, 0xff), part(0, 1), part(1, 0)] {
            assert!(!key.verifies(b"message", &wrong));
        }
        // One half valid, the other 0 or beyond the order of the curve.
        for wrong in [0, 0xff] {
            assert!(!key.verifies(b"message", &[&good[..half], &vec![wrong; half]].concat()));
            assert!(!key.verifies(b"message", &[&vec![wrong; half], &good[half..]].concat()));
        }
        for length in 0..bytes {
            assert!(!key.verifies(b"message", &good[..length]));
        }
        assert!(!key.verifies(b"message", &[good, &[0]].concat()));
    }
    for algorithm in RSA_ALGORITHMS {
        let key = Key::from_pem(algorithm, key_file!("rsa-2048.pub.pem")).unwrap();
        for wrong in [vec![], vec![0; 256], vec![1; 256], vec![0xff; 256], vec![0; 255], vec![0; 257]] {
            assert!(!key.verifies(b"message", &wrong), "{algorithm}");
        }
    }
}

#[cfg(not(feature = "asymmetric"))]
#[test]
fn rsa_does_not_sign_in_pure_rust() {
    let error = Key::from_pem(Algorithm::RS256, RSA).unwrap_err();
    assert_eq!(error, KeyError::SigningFeatureMissing { algorithm: Algorithm::RS256 });
}

#[cfg(all(feature = "asymmetric", feature = "asymmetric-pure-rust"))]
mod both {
    use super::*;

    fn parts(pem: &str) -> Parts {
        let (structure, der) = pem::decode(pem).unwrap();
        structure.read(&der).unwrap()
    }

    /// Each verifies what the other signs, and both refuse the same.
    #[test]
    fn the_two_implementations_agree() {
        for (algorithm, pem) in
            [(Algorithm::ES256, ES256), (Algorithm::ES384, ES384), (Algorithm::EdDSA, EDDSA)]
        {
            let Parts { public, private } = parts(pem);
            let private = private.unwrap();
            let (aws, of_aws) = aws_lc::Signing::new(algorithm, public.clone(), &private).unwrap();
            let (pure, of_pure) = pure::Signing::new(algorithm, public, &private).unwrap();
            assert_eq!(of_aws, of_pure);
            // The same without being given the public half.
            assert_eq!(aws_lc::Signing::new(algorithm, None, &private).unwrap().1, of_aws);
            assert_eq!(pure::Signing::new(algorithm, None, &private).unwrap().1, of_aws);
            for length in [0, 1, 400, 4096] {
                let message = vec![b'm'; length];
                for signature in [aws.sign(&message).unwrap(), pure.sign(&message).unwrap()] {
                    judge_alike(algorithm, &of_aws, &message, &signature);
                }
            }
        }
    }

    #[test]
    fn they_agree_about_rsa() {
        let Parts { public, private } = parts(RSA);
        let private = private.unwrap();
        for algorithm in RSA_ALGORITHMS {
            let (signing, public) = aws_lc::Signing::new(algorithm, public.clone(), &private).unwrap();
            let signature = signing.sign(b"message").unwrap();
            judge_alike(algorithm, &public, b"message", &signature);
            // A signature of another algorithm with the same key is wrong.
            for other in RSA_ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(!aws_lc::Verifying::new(other, &public).unwrap().verifies(b"message", &signature));
                assert!(!pure::Verifying::new(other, &public).unwrap().verifies(b"message", &signature));
            }
            assert!(matches!(
                pure::Signing::new(algorithm, Some(public), &private),
                Err(KeyError::SigningFeatureMissing { .. })
            ));
        }
    }

    fn judge_alike(algorithm: Algorithm, public: &PublicParts, message: &[u8], signature: &[u8]) {
        let aws = aws_lc::Verifying::new(algorithm, public).unwrap();
        let pure = pure::Verifying::new(algorithm, public).unwrap();
        assert!(aws.verifies(message, signature) && pure.verifies(message, signature), "{algorithm}");
        let other = [message, b"x"].concat();
        assert!(!aws.verifies(&other, signature) && !pure.verifies(&other, signature));
        for position in (0..signature.len()).step_by(7) {
            let mut wrong = signature.to_vec();
            wrong[position] ^= 0x10;
            assert!(!aws.verifies(message, &wrong) && !pure.verifies(message, &wrong), "{algorithm}");
        }
    }

    #[test]
    fn they_refuse_the_same_points() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384] {
            let good = public(algorithm);
            let curve = if algorithm == Algorithm::ES256 { Curve::P256 } else { Curve::P384 };
            for changed in [0, 1, 0x80] {
                let (mut x, y) = (bytes(&good, "x"), bytes(&good, "y"));
                x[5] ^= changed;
                let parts = PublicParts::Ec { curve, x: x.into(), y: y.into() };
                let verdicts = [
                    aws_lc::Verifying::new(algorithm, &parts).is_ok(),
                    pure::Verifying::new(algorithm, &parts).is_ok(),
                ];
                assert_eq!(verdicts, [changed == 0; 2]);
            }
        }
    }
}
