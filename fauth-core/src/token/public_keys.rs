//! Sets of public keys, as issuers publish them (RFC 7517 section 5).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    algorithm::Algorithm,
    json::{Limits, scan_object},
    key_error::KeyError,
    keys::Key,
};

/// The maximum number of keys in a set; a larger set is refused.
pub(crate) const MAX_KEYS: usize = 100;
/// For the whole document: a key has about ten members, and those of a certificate chain.
const SET_LIMITS: Limits = Limits { depth: 8, members: 4096 };

/// The public keys of one issuer. Immutable: a newer set replaces the whole.
#[derive(Debug, Clone)]
pub(crate) struct PublicKeys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl PublicKeys {
    /// Parses a JWK Set. A key is skipped if it has an unsupported type, is for another use, or
    /// cannot be read: without `kty`, with a member of a wrong type, or with too many members. A
    /// key without `alg` is used for the first of `allowed` that fits its type.
    ///
    /// # Errors
    /// For the whole set: if it is not a JWK Set, has more than [`MAX_KEYS`] keys, a duplicate
    /// member, a symmetric key, a private member, two keys with one id, or no usable key.
    pub(crate) fn from_jwks(json: &str, allowed: &[Algorithm]) -> Result<Self, KeyError> {
        scan_object(json, SET_LIMITS, |_, _| {}).map_err(|_| KeyError::Malformed)?;
        let document: Document<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys { maximum: MAX_KEYS });
        }
        let mut keys = Vec::new();
        for jwk in document.keys {
            keys.extend(Key::published(jwk.get(), allowed)?);
        }
        Self::from_keys(keys)
    }

    /// # Errors
    /// If there is no key, a key is a secret or can sign, or two have the same id.
    pub(crate) fn from_keys(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::NoUsableKey);
        }
        if keys.iter().any(|key| key.algorithm().is_symmetric() || key.can_sign()) {
            return Err(KeyError::NotPublic);
        }
        let mut ids: Vec<_> = keys.iter().filter_map(Key::id).collect();
        let named = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < named {
            return Err(KeyError::DuplicateId);
        }
        Ok(Self { keys })
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key with this id; without an id, the key if it is the only one. Keys are never tried one
    /// after another.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(_), keys) => keys.iter().find(|key| key.id() == id),
        }
    }
}

#[cfg(test)]
#[cfg(any(feature = "asymmetric", feature = "asymmetric-pure-rust"))]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ALLOWED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    fn jwk(algorithm: Algorithm, pem: &str, id: &str) -> Value {
        let key = Key::from_pem(algorithm, pem).unwrap().with_id(id).unwrap();
        serde_json::from_str(&key.public_jwk().unwrap()).unwrap()
    }

    fn es256(id: &str) -> Value {
        jwk(Algorithm::ES256, include_str!("../../tests/keys/p256.pub.pem"), id)
    }

    fn rsa(id: &str) -> Value {
        jwk(Algorithm::RS256, include_str!("../../tests/keys/rsa-2048.pub.pem"), id)
    }

    fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
        jwk[name] = value.into();
        jwk
    }

    fn without(mut jwk: Value, name: &str) -> Value {
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    }

    fn set(keys: &[Value]) -> Result<PublicKeys, KeyError> {
        PublicKeys::from_jwks(&json!({ "keys": keys }).to_string(), &ALLOWED)
    }

    #[test]
    fn a_key_is_found_by_its_id_and_never_tried() {
        let two = set(&[es256("a"), rsa("b")]).unwrap();
        assert_eq!(two.find(Some("a")).map(Key::algorithm), Some(Algorithm::ES256));
        assert_eq!(two.find(Some("b")).map(Key::algorithm), Some(Algorithm::RS256));
        assert!(two.find(Some("c")).is_none() && two.find(Some("")).is_none() && two.find(None).is_none());
        let one = set(&[es256("a")]).unwrap();
        assert!(one.find(None).is_some() && one.find(Some("b")).is_none());
        let nameless = set(&[without(es256("a"), "kid")]).unwrap();
        assert!(nameless.find(None).is_some() && nameless.find(Some("a")).is_none());
    }

    #[test]
    fn what_cannot_be_used_is_skipped() {
        let weak = with(rsa("weak"), "n", "AQAB");
        let others = [
            with(es256("enc"), "use", "enc"),
            with(es256("ops"), "key_ops", json!(["encrypt"])),
            with(es256("alg"), "alg", "RSA-OAEP"),
            with(es256("not-allowed"), "alg", "ES384"),
            with(es256("curve"), "crv", "P-521"),
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "future" }),
            with(es256("point"), "x", "AAAA"),
            weak,
        ];
        for other in &others {
            assert_eq!(set(std::slice::from_ref(other)).unwrap_err(), KeyError::NoUsableKey, "{other}");
            let set = set(&[other.clone(), es256("good")]).unwrap();
            assert!(set.find(other["kid"].as_str()).is_none() && set.find(Some("good")).is_some());
        }
        assert_eq!(set(&[]).unwrap_err(), KeyError::NoUsableKey);
    }

    /// One malformed key does not affect the others (RFC 7517 section 5).
    #[test]
    fn a_key_that_cannot_be_read_is_skipped() {
        let many = |mut jwk: Value, count: usize| {
            let known = jwk.as_object().unwrap().len();
            (known..count).for_each(|number| jwk[format!("member-{number}")] = 1.into());
            jwk
        };
        let deep = with(es256("deep"), "extra", json!([[[[[]]]]]));
        let broken = [
            without(es256("kty"), "kty"),
            json!({}),
            with(es256("kty"), "kty", 5),
            with(es256("kty"), "kty", Value::Null),
            with(es256("alg"), "alg", 256),
            with(es256("use"), "use", json!(["sig"])),
            with(es256("ops"), "key_ops", "verify"),
            with(es256("x"), "x", json!({})),
            with(es256("kid"), "kid", 7),
            deep,
            many(es256("many"), 65),
        ];
        for jwk in &broken {
            assert_eq!(set(std::slice::from_ref(jwk)).unwrap_err(), KeyError::NoUsableKey, "{jwk}");
            for keys in [[jwk.clone(), es256("good")], [es256("good"), jwk.clone()]] {
                let set = set(&keys).unwrap();
                assert!(set.len() == 1 && set.find(Some("good")).is_some(), "{jwk}");
            }
            // A key that exposes private members is refused, not skipped.
            for private in [with(jwk.clone(), "d", 5), with(jwk.clone(), "k", "AAAA")] {
                assert_eq!(set(&[es256("good"), private]).unwrap_err(), KeyError::NotPublic, "{jwk}");
            }
        }
        assert_eq!(set(&[many(es256("full"), 64)]).unwrap().len(), 1);
        let secret = json!({ "kty": "oct", "alg": 5 });
        assert_eq!(set(&[es256("good"), secret]).unwrap_err(), KeyError::NotPublic);
        let good = es256("good");
        for other in [
            r#"{"kty":5,"kty":5}"#,
            r#"{"kty":5,"x":{"a":1,"a":2}}"#,
            "[]",
            r#"["EC",null,null,null,null,null,null,null,null]"#,
            "null",
            "1",
        ] {
            let text = format!(r#"{{"keys":[{good},{other}]}}"#);
            assert_eq!(PublicKeys::from_jwks(&text, &ALLOWED).unwrap_err(), KeyError::Malformed, "{other}");
        }
        let escaped = format!(r#"{{"keys":[{good},{{"kty":"\u006fct","alg":5}}]}}"#);
        assert_eq!(PublicKeys::from_jwks(&escaped, &ALLOWED).unwrap_err(), KeyError::NotPublic);
    }

    /// The algorithm follows from the configuration and the kind of the key, never from a token.
    #[test]
    fn jwk_without_alg() {
        for jwk in [es256("a"), rsa("a")] {
            let set = set(&[without(jwk.clone(), "alg")]).unwrap();
            let expected = jwk["alg"].as_str();
            assert_eq!(set.find(Some("a")).map(|key| key.algorithm().as_str()), expected);
        }
        let json = json!({ "keys": [without(rsa("a"), "alg")] }).to_string();
        let first = |allowed: &[Algorithm]| {
            PublicKeys::from_jwks(&json, allowed).map(|set| set.find(None).unwrap().algorithm())
        };
        assert_eq!(first(&[Algorithm::ES256, Algorithm::PS512, Algorithm::RS256]), Ok(Algorithm::PS512));
        assert_eq!(first(&[Algorithm::HS256]), Err(KeyError::NoUsableKey));
        assert_eq!(first(&[Algorithm::ES256]), Err(KeyError::NoUsableKey));
    }

    #[test]
    fn what_no_issuer_publishes_spoils_the_whole_set() {
        let secret = json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ", "kid": "s" });
        assert_eq!(set(&[es256("a"), secret]).unwrap_err(), KeyError::NotPublic);
        for name in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            let private = with(es256("b"), name, "AAAA");
            assert_eq!(set(&[es256("a"), private]).unwrap_err(), KeyError::NotPublic, "{name}");
        }
        assert_eq!(set(&[es256("a"), with(rsa("b"), "oth", json!([]))]).unwrap_err(), KeyError::NotPublic);
        assert_eq!(set(&[es256("a"), rsa("a")]).unwrap_err(), KeyError::DuplicateId);
        let many: Vec<Value> = (0..=MAX_KEYS).map(|number| es256(&number.to_string())).collect();
        assert_eq!(set(&many).unwrap_err(), KeyError::TooManyKeys { maximum: MAX_KEYS });
        assert!(set(&many[1..]).is_ok());
        for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[],\"keys\":[]}"] {
            assert_eq!(PublicKeys::from_jwks(text, &ALLOWED).unwrap_err(), KeyError::Malformed, "{text}");
        }
    }

    #[test]
    fn only_public_keys_are_taken_in() {
        let private = include_str!("../../tests/keys/p256.pem");
        let private = Key::from_pem(Algorithm::ES256, private).unwrap();
        assert_eq!(PublicKeys::from_keys(vec![private]).unwrap_err(), KeyError::NotPublic);
        let secret = Key::hmac(Algorithm::HS256, &(0..32).collect::<Vec<u8>>()).unwrap();
        assert_eq!(PublicKeys::from_keys(vec![secret]).unwrap_err(), KeyError::NotPublic);
    }
}
