//! Public test vectors: Wycheproof, RFC 7520, joserfc and the JSON test suite.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fauth_core::{
    Purpose,
    token::{Algorithm, Key, KeyError, TokenError, verify_jws},
};
use fauth_testing::{SECRET, sign_with};
use serde_json::Value;

use super::support::*;

use TokenError::{
    BadSignature, ForbiddenHeader, Malformed, MalformedClaims, MissingClaim, TooLong, WrongAlgorithm,
};

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no array `{name}`"))
}

fn verdict(compact: &str, key: &Key) -> Verdict {
    verify_jws(compact, key).map(drop)
}

// ------------------------------------------------------------------------------------------------
// Wycheproof

/// Where the verdict differs from the file's, by number.
const DIFFERENT: [(u64, &str); 4] = [
    (367, "called invalid, but it is the same string as 357, which is called valid"),
    (370, "called invalid, but it is the same string as 357, which is called valid"),
    (372, "called valid with a `?` in the header; decoding is strict"),
    (373, "called valid with a `?` in the payload; decoding is strict"),
];

/// The key of 357 to 377 is 32 zero bytes: refused as a JWK, so that its cases run with a key made
/// in danger.
const UNIFORM: &str = "hs256-key";

/// How many cases have keys that are no secrets; their verdicts are in `asymmetric.rs`.
const OF_OTHER_KEYS: usize = 361;

#[test]
fn wycheproof() {
    let file = read_json(&vectors().join("wycheproof/json_web_signature_test.json"));
    let (mut different, mut uniform, mut verified, mut of_other_keys) = (vec![], vec![], 0, 0);
    for group in array(&file, "testGroups") {
        let (private, public) = (group["private"].clone(), group["public"].clone());
        let jwk = if public.is_null() { &private } else { &public };
        if jwk["kty"] != "oct" {
            refused_key(jwk);
            refused_key(&private);
            of_other_keys += array(group, "tests").len();
            continue;
        }
        let key = match Key::from_jwk(&jwk.to_string(), Algorithm::HS256) {
            Ok(key) => key,
            Err(error) => {
                uniform.push(text(jwk, "kid").to_owned());
                assert_eq!(error, KeyError::TooUniform);
                Key::danger_short_hmac(Algorithm::HS256, &[0; 32]).unwrap().with_id(text(jwk, "kid")).unwrap()
            }
        };
        assert_eq!(key.id(), jwk["kid"].as_str());
        for case in array(group, "tests") {
            // Two cases of the JSON serialisation are written as objects in other editions of the
            // file.
            let compact = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
            let accepted = verify_jws(&compact, &key).is_ok();
            if accepted != (case["result"] == "valid") {
                different.push(case["tcId"].as_u64().unwrap());
            }
            verified += 1;
        }
    }
    assert_eq!(different, DIFFERENT.map(|(number, _)| number));
    assert_eq!(uniform, [UNIFORM]);
    assert_eq!((verified, of_other_keys), (40, OF_OTHER_KEYS));
}

const fn no_secret(algorithm: Algorithm) -> KeyError {
    KeyError::WrongKind { algorithm, found: "not a secret" }
}

/// A key of another type is refused when it is loaded, as the public and as the private half.
#[track_caller]
fn refused_key(jwk: &Value) {
    let needed = if jwk["d"].is_null() { "verify" } else { "sign" };
    let for_signatures = jwk["use"] != "enc"
        && jwk["key_ops"].as_array().is_none_or(|ops| ops.iter().any(|operation| operation == needed));
    for algorithm in Algorithm::HMAC {
        let expected = if for_signatures { no_secret(algorithm) } else { KeyError::NotForSignatures };
        assert_eq!(Key::from_jwk(&jwk.to_string(), algorithm).unwrap_err(), expected, "{jwk}");
    }
    // Nor does its text make an HMAC secret, which would be one that everybody knows.
    assert_eq!(
        Key::hmac(Algorithm::HS256, jwk.to_string().as_bytes()).unwrap_err(),
        KeyError::LooksLikeKeyFile
    );
}

// ------------------------------------------------------------------------------------------------
// RFC 7520 and 7797

fn rfc7520(name: &str) -> Value {
    read_json(&vectors().join("rfc7520").join(name))
}

fn mac_key() -> Key {
    let jwk = rfc7520("jwk/3_5.symmetric_key_mac_computation.json");
    Key::from_jwk(&jwk.to_string(), Algorithm::HS256).unwrap()
}

#[test]
fn rfc7520_keys() {
    let expected = [
        ("3_1.ec_public_key.json", Some(no_secret(Algorithm::HS256))),
        ("3_2.ec_private_key.json", Some(no_secret(Algorithm::HS256))),
        ("3_3.rsa_public_key.json", Some(no_secret(Algorithm::HS256))),
        ("3_4.rsa_private_key.json", Some(no_secret(Algorithm::HS256))),
        ("3_5.symmetric_key_mac_computation.json", None),
        ("3_6.symmetric_key_encryption.json", Some(KeyError::NotForSignatures)),
    ];
    let mut names: Vec<_> = fs::read_dir(vectors().join("rfc7520/jwk")).unwrap().collect();
    names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    let names: Vec<_> =
        names.into_iter().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, expected.each_ref().map(|(name, _)| *name));
    for (name, error) in expected {
        let jwk = rfc7520(&format!("jwk/{name}")).to_string();
        assert_eq!(Key::from_jwk(&jwk, Algorithm::HS256).err(), error, "{name}");
        assert!(Key::from_jwk(&jwk, Algorithm::HS512).is_err(), "{name} is for another algorithm");
    }
}

#[test]
fn rfc7520_signatures() {
    let key = mac_key();
    let example = rfc7520("jws/4_4.hmac-sha2_integrity_protection.json");
    let payload = verify_jws(text(&example["output"], "compact"), &key).unwrap();
    assert_eq!(String::from_utf8(payload).unwrap(), text(&example["input"], "payload"));

    for (name, reason) in [
        // Of a foreign algorithm: the key says which one it is for.
        ("jws/4_1.rsa_v15_signature.json", WrongAlgorithm),
        ("jws/4_2.rsa-pss_signature.json", WrongAlgorithm),
        ("jws/4_3.ecdsa_signature.json", WrongAlgorithm),
        ("curve25519/jws.json", WrongAlgorithm),
        // Detached: the payload is not in the token, and an empty one was not signed.
        ("jws/4_5.signature_with_detached_content.json", BadSignature),
    ] {
        assert_eq!(verdict(text(&rfc7520(name)["output"], "compact"), &key), Err(reason), "{name}");
    }
    // Not compact at all, for those that have no such form and for those that have one.
    for name in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
        "rfc7797/4.2.hmac-sha2_b64_false.json",
    ] {
        let output = &rfc7520(name)["output"];
        for form in ["json", "json_flat"] {
            if let Some(json) = output.get(form) {
                assert_eq!(verdict(&json.to_string(), &key), Err(Malformed), "{name}");
            }
        }
    }
    assert_eq!(
        fs::read_dir(vectors().join("rfc7520/jws")).unwrap().count(),
        8,
        "a new example has no verdict yet"
    );
}

#[test]
fn rfc7520_keys_of_other_kinds() {
    for name in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "curve25519/jws.json",
    ] {
        refused_key(&rfc7520(name)["input"]["key"]);
    }
}

/// The unencoded payload of RFC 7797: spaces and all, and announced by `crit`.
#[test]
fn rfc7797_is_not_understood() {
    let example = rfc7520("rfc7797/hmac-sha2_b64_false.json");
    let key = Key::from_jwk(&example["input"]["key"].to_string(), Algorithm::HS256).unwrap();
    let compact = text(&example["output"], "compact");
    assert_eq!(verdict(compact, &key), Err(Malformed));
    // With a payload that happens to be base64url, `crit` is what stands in the way.
    let [header, payload, signature]: [&str; 3] = compact.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert!(payload.contains(' '));
    assert_eq!(verdict(&format!("{header}.AAAA.{signature}"), &key), Err(ForbiddenHeader));
}

// ------------------------------------------------------------------------------------------------
// joserfc

fn joserfc(name: &str) -> Value {
    read_json(&vectors().join("joserfc").join(name))
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Algorithm::HMAC.into_iter().find(|algorithm| algorithm.as_str() == name)
}

/// A key file of joserfc makes no HMAC secret and, unless it is symmetric, no key at all.
#[track_caller]
fn refused_key_file(name: &str) {
    let file = fs::read_to_string(vectors().join("joserfc/keys").join(name)).unwrap();
    for algorithm in Algorithm::HMAC {
        assert_eq!(Key::hmac(algorithm, file.as_bytes()).unwrap_err(), KeyError::LooksLikeKeyFile, "{name}");
        assert_eq!(
            Key::danger_short_hmac(algorithm, file.as_bytes()).unwrap_err(),
            KeyError::LooksLikeKeyFile,
            "{name}"
        );
        let expected = if Path::new(name).extension() == Some("pem".as_ref()) {
            KeyError::Malformed
        } else {
            no_secret(algorithm)
        };
        assert_eq!(Key::from_jwk(&file, algorithm).unwrap_err(), expected, "{name}");
    }
}

#[test]
fn joserfc_examples() {
    let file = joserfc("jws_examples.json");
    let mut verified = 0;
    for case in array(&file, "tests") {
        let (name, compact) = (text(case, "name"), case["compact"].as_str());
        if let Some(algorithm) = algorithm(name) {
            // The secret has three bytes: only who asks for danger gets such a key.
            let secret = text(case, "secret").as_bytes();
            let minimum = algorithm.minimum_secret_bytes();
            let too_short = KeyError::TooShort { algorithm, minimum, actual: 3 };
            assert_eq!(Key::hmac(algorithm, secret).unwrap_err(), too_short);
            let key = Key::danger_short_hmac(algorithm, secret).unwrap();
            assert_eq!(verify_jws(compact.unwrap(), &key).unwrap(), text(&file, "payload").as_bytes());
            for form in ["general_json", "flattened_json"] {
                assert_eq!(verdict(&case[form].to_string(), &key), Err(Malformed), "{name}");
            }
            verified += 1;
        } else {
            for half in ["public_key", "private_key"] {
                refused_key_file(text(case, half));
            }
            if let Some(compact) = compact {
                assert_eq!(verdict(compact, &mac_key()), Err(WrongAlgorithm), "{name}");
            }
        }
    }
    assert_eq!((verified, array(&file, "tests").len()), (3, 15));
}

#[test]
fn joserfc_rfc7520() {
    let file = joserfc("jws_rfc7520.json");
    let verdicts: Vec<_> =
        array(&file, "tests").iter().map(|case| verdict(text(case, "compact"), &mac_key())).collect();
    assert_eq!(verdicts, [Err(WrongAlgorithm), Err(WrongAlgorithm), Err(WrongAlgorithm), Ok(())]);
    let oct = fs::read_to_string(vectors().join("joserfc/keys/RFC7520-oct-sig.json")).unwrap();
    let key = Key::from_jwk(&oct, Algorithm::HS256).unwrap();
    let payload = verify_jws(text(&array(&file, "tests")[3], "compact"), &key).unwrap();
    assert_eq!(payload, text(&file, "payload").as_bytes());
}

/// All four signatures are right with this key; what is refused is refused for its form or its
/// `crit`.
#[test]
fn joserfc_rfc7797() {
    const K: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = Key::from_jwk(&format!(r#"{{"kty":"oct","k":"{K}"}}"#), Algorithm::HS256).unwrap();
    let file = joserfc("jws_rfc7797.json");
    for (case, expected) in array(&file, "tests").iter().zip([
        Ok(()),
        Err(ForbiddenHeader), // detached, which is empty here, and `crit` is there
        Err(ForbiddenHeader), // encoded after all, but `crit` is there
        Err(Malformed),       // "hello" has a length that base64url never has
    ]) {
        assert_eq!(verdict(text(case, "compact"), &key), expected, "{}", text(case, "name"));
    }
    assert_eq!(array(&file, "tests").len(), 4);
}

#[test]
fn joserfc_jwt() {
    let file = joserfc("jwt_use_jws.json");
    for case in array(&file, "tests") {
        let (name, token) = (text(case, "name"), text(case, "token"));
        if let Some(algorithm) = algorithm(name) {
            // Everybody's first guess is no key, not even in danger.
            let secret = text(case, "secret").as_bytes();
            assert_eq!(Key::danger_short_hmac(algorithm, secret).unwrap_err(), KeyError::WellKnown);
            let key = Key::hmac(algorithm, SECRET.as_bytes()).unwrap();
            assert_eq!(verdict(token, &key), Err(BadSignature), "{name}");
        } else {
            refused_key_file(text(case, "public_key"));
            assert_eq!(verdict(token, &mac_key()), Err(WrongAlgorithm), "{name}");
        }
    }
    assert_eq!(array(&file, "tests").len(), 6);
}

#[test]
fn every_key_file_of_joserfc_has_a_verdict() {
    let mut refused = 0;
    for entry in fs::read_dir(vectors().join("joserfc/keys")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "RFC7520-oct-sig.json" {
            refused_key_file(&name);
            refused += 1;
        }
    }
    assert_eq!(refused, 18);
}

// ------------------------------------------------------------------------------------------------
// JSON test suite

/// The only files that must parse and hold a name twice.
const DUPLICATES: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

/// Name and content of every file.
fn json_files() -> Vec<(String, Vec<u8>)> {
    let suite = read_json(&vectors().join("jsontestsuite_parsing.json"));
    let files = suite["cases"].as_object().unwrap().iter();
    let files: Vec<_> = files
        .map(|(name, case)| (name.clone(), STANDARD.decode(text(case, "content_b64")).unwrap()))
        .collect();
    let count = |kind: &str| files.iter().filter(|(name, _)| name.starts_with(kind)).count();
    assert_eq!((count("y_"), count("n_"), count("i_")), (95, 188, 35));
    files
}

fn is_object(content: &[u8]) -> bool {
    serde_json::from_slice::<Value>(content).is_ok_and(|value| value.is_object())
}

fn with_header(content: &[u8]) -> String {
    sign_with(Algorithm::HS256, SECRET.as_bytes(), content, claims().text())
}

fn with_claims(content: impl AsRef<[u8]>) -> String {
    sign_with(Algorithm::HS256, SECRET.as_bytes(), header().text(), content)
}

#[test]
fn json_test_suite_as_headers() {
    let auth = auth(|config| config.max_token_bytes(65_536));
    let mut objects = 0;
    for (name, content) in json_files() {
        let expected = if content.len() > 49_000 {
            TooLong
        } else if name.starts_with("y_") && is_object(&content) && !DUPLICATES.contains(&&*name) {
            objects += 1;
            WrongAlgorithm
        } else {
            Malformed
        };
        check(&auth, &with_header(&content), &Err(expected));
    }
    assert_eq!(objects, 10);
}

#[test]
fn json_test_suite_as_claims() {
    let auth = auth(|config| config.max_token_bytes(65_536));
    for (name, content) in json_files() {
        let expected = if content.len() > 49_000 {
            TooLong
        } else if name.starts_with("y_") && is_object(&content) && !DUPLICATES.contains(&&*name) {
            MissingClaim("token_type")
        } else if content.is_empty() {
            Malformed
        } else {
            MalformedClaims
        };
        // The undecided files are no objects either, or have a lone surrogate in them.
        check(&auth, &with_claims(&content), &Err(expected));
    }
}

/// As one claim among good ones, where what may be a value is really accepted.
#[test]
fn json_test_suite_as_a_claim() {
    let auth = auth(|config| config.max_token_bytes(65_536));
    let good = claims().text();
    let mut accepted = 0;
    for (name, content) in json_files() {
        if content.len() > 48_000 {
            continue;
        }
        for embedded in [
            [b"{\"x\":", &content[..], b",", &good.as_bytes()[1..]].concat(),
            [&good.as_bytes()[..good.len() - 1], b",\"x\":", &content[..], b"}"].concat(),
        ] {
            let found = auth.verify_signature_and_claims(&with_claims(embedded), Purpose::Access).map(drop);
            let expected = match &name[..2] {
                "y_" if DUPLICATES.contains(&&*name) => Err(MalformedClaims),
                "y_" => Ok(()),
                "n_" => Err(MalformedClaims),
                // Undecided: numbers out of range are fine where nobody reads them, broken texts
                // are not.
                _ if name.starts_with("i_number") => Ok(()),
                _ => Err(MalformedClaims),
            };
            assert_eq!(found, expected, "{name}");
            accepted += usize::from(found.is_ok());
        }
    }
    assert_eq!(accepted, 2 * (95 - 2 + 10));
}

/// The suite's 100 000 levels do not fit any limit, so these are as deep as a token can be.
#[test]
fn nesting_without_end_is_refused() {
    let auth = auth(|config| config.max_token_bytes(65_536));
    for opening in ["[", "{\"\":", "[{\"\":", "{\"a\":["] {
        for bytes in [100, 5_000, 48_000] {
            let deep = opening.repeat(bytes / opening.len());
            check(&auth, &with_header(deep.as_bytes()), &Err(Malformed));
            check(&auth, &with_claims(&deep), &Err(MalformedClaims));
            let claims = claims().with("x", deep).text();
            check(&auth, &with_claims(claims), &Err(MalformedClaims));
        }
    }
    let closed = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    check(&auth, &with_claims(claims().with("x", closed).text()), &Err(MalformedClaims));
    check(&auth, &with_claims("[".repeat(100_000)), &Err(TooLong));
    for deep in
        ["[".repeat(1_000_000), "{\"keys\":[".repeat(100_000), format!("{{\"a\":{}", "[".repeat(100_000))]
    {
        assert_eq!(Key::from_jwk(&deep, Algorithm::HS256).unwrap_err(), KeyError::Malformed);
    }
}
