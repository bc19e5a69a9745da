//! Keys: which are good enough, what each may verify, and which one signs.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    json::{Limits, scan_object},
    key_error::KeyError,
    limits::MAX_KEY_ID_BYTES,
    mac::{Mac, Signature},
    weak_secrets::{refuse_form, refuse_guessable, refuse_unusable},
};

/// A key with the algorithm that it is for, prepared for use.
///
/// There is no way to read the secret back: it is turned into the state of the hash function at construction, and that
/// state is zeroed on drop.
///
/// ```
/// use fauth_core::token::{Algorithm, Key};
///
/// let mut secret = [0; 32];
/// getrandom::fill(&mut secret).unwrap();
/// let key = Key::hmac(Algorithm::HS256, &secret).unwrap();
/// assert_eq!(format!("{key:?}"), "Key { id: None, algorithm: HS256, .. }");
/// assert!(Key::hmac(Algorithm::HS256, b"short").is_err());
/// ```
#[derive(Clone)]
pub struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    mac: Mac,
}

impl Key {
    /// A symmetric key.
    ///
    /// # Errors
    /// [`KeyError`] if the secret is shorter than the hash, empty, uniform, published somewhere, a
    /// phrase, a UUID, the text of a key of another kind, or has white space at an end. `openssl
    /// rand -base64 48` makes one that is good for every algorithm.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        refuse_asymmetric(algorithm)?;
        refuse_unusable(secret)?;
        refuse_form(secret)?;
        let minimum = algorithm.minimum_secret_bytes();
        if secret.len() < minimum {
            return Err(KeyError::TooShort { algorithm, minimum, actual: secret.len() });
        }
        refuse_guessable(secret)?;
        Self::prepare(algorithm, secret)
    }

    /// A symmetric key of any length above zero, also a phrase or a UUID, for services that must
    /// share such a secret with an old system.
    ///
    /// # Security
    /// A secret below the hash's length, or one that people think up, can be found by trying: one
    /// captured token is enough to test guesses offline, and who has the secret is every user.
    /// Replace it as soon as the old system allows.
    ///
    /// # Errors
    /// [`KeyError`] if the secret is empty, published, or the text of a key of another kind.
    pub fn danger_short_hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        refuse_asymmetric(algorithm)?;
        refuse_unusable(secret)?;
        Self::prepare(algorithm, secret)
    }

    /// Reads a JWK of type `oct` ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517),
    /// [RFC 7518 section 6.4](https://www.rfc-editor.org/rfc/rfc7518#section-6.4)).
    ///
    /// `use`, `key_ops`, `alg` and `kid` are honoured. `algorithm` is for a JWK that does not name its own; a token is
    /// never asked for it.
    ///
    /// # Errors
    /// [`KeyError`] if the text is not a JWK, the key is of another type or not meant for signatures, its `alg` differs
    /// from `algorithm`, or the secret is refused as by [`Key::hmac`].
    pub fn from_jwk(json: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        scan_object(json, Limits { depth: 4, members: 64 }, |_, _| {}).map_err(|_| KeyError::Malformed)?;
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        refuse_other_use(&jwk)?;
        let AlgorithmParameters::OctetKey(parameters) = &jwk.algorithm else {
            return Err(KeyError::Unsupported);
        };
        if jwk.common.key_algorithm.is_some_and(|named| own_algorithm(named) != Some(algorithm)) {
            return Err(KeyError::Unsupported);
        }
        let secret =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(&parameters.value).map_err(|_| KeyError::Malformed)?);
        let key = Self::hmac(algorithm, &secret)?;
        match jwk.common.key_id {
            Some(id) => key.with_id(id),
            None => Ok(key),
        }
    }

    /// Gives the key its id, the `kid` of the tokens it signs. Needed as soon as there is more than one key; one of them
    /// may stay without, and the tokens without `kid` are its.
    ///
    /// # Errors
    /// [`KeyError::InvalidId`] unless it is 1 to 128 visible ASCII characters.
    pub fn with_id(mut self, id: impl Into<String>) -> Result<Self, KeyError> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_KEY_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyError::InvalidId);
        }
        self.id = Some(id.into_boxed_str());
        Ok(self)
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm that this key is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it can sign, and not only verify.
    #[must_use]
    pub const fn can_sign(&self) -> bool {
        true
    }

    /// A key of a set that somebody publishes; `None` if it is of a type or for a use that is not
    /// supported.
    pub(super) fn published(_jwk: &str, _allowed: &[Algorithm]) -> Result<Option<Self>, KeyError> {
        Ok(None)
    }

    /// The length of its signatures.
    pub(super) const fn signature_bytes(&self) -> usize {
        self.algorithm.minimum_secret_bytes()
    }

    fn prepare(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        // HMAC takes keys of every length, so that the error cannot occur; it is passed on all the same.
        let mac = Mac::new(algorithm, secret).ok_or(KeyError::Malformed)?;
        Ok(Self { id: None, algorithm, mac })
    }

    /// A key of its own for another purpose, which the label names. A label holds a space, and what
    /// is signed in a token never does.
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<String> {
        self.mac_of(label.as_bytes())
    }

    /// The HMAC of a message, as base64url.
    pub(crate) fn mac_of(&self, message: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.sign(message).as_bytes()))
    }

    /// Constant time in the signature; a signature of another length is wrong.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.mac.verifies(message, signature)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        self.mac.sign(message)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// One key that signs and any number that verify.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    /// The signing key comes first.
    keys: Vec<Key>,
}

impl KeyRing {
    /// `None` if two keys have the same id, or two have none: a token must name its key unambiguously. One key may be without an id; the tokens
    /// without `kid` are its.
    pub(crate) fn new(signing: Key, others: Vec<Key>) -> Option<Self> {
        let mut keys = vec![signing];
        keys.extend(others);
        let mut ids: Vec<_> = keys.iter().map(Key::id).collect();
        ids.sort_unstable();
        ids.dedup();
        (ids.len() == keys.len()).then_some(Self { keys })
    }

    /// Without a key: whoever has it accepts no own token, and issues none.
    pub(crate) const fn empty() -> Self {
        Self { keys: Vec::new() }
    }

    pub(crate) fn signing(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(crate) fn all(&self) -> &[Key] {
        &self.keys
    }

    /// The key that a token with this `kid` was signed with. No key is ever tried on suspicion.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (_, keys) => keys.iter().find(|key| key.id() == id),
        }
    }
}

fn refuse_asymmetric(algorithm: Algorithm) -> Result<(), KeyError> {
    if algorithm.is_symmetric() { Ok(()) } else { Err(KeyError::Unsupported) }
}

fn refuse_other_use(jwk: &Jwk) -> Result<(), KeyError> {
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
            && jwk.common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    if for_signatures { Ok(()) } else { Err(KeyError::NotForSignatures) }
}

fn own_algorithm(algorithm: KeyAlgorithm) -> Option<Algorithm> {
    match algorithm {
        KeyAlgorithm::HS256 => Some(Algorithm::HS256),
        KeyAlgorithm::HS384 => Some(Algorithm::HS384),
        KeyAlgorithm::HS512 => Some(Algorithm::HS512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"0f6c1b2a34d94a5b8f7e6d5c4b3a2918";

    #[test]
    fn a_secret_is_as_long_as_its_hash() {
        let long: Vec<u8> = (0..64).collect();
        for (algorithm, minimum) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(Key::hmac(algorithm, &long[..minimum]).is_ok());
            assert_eq!(
                Key::hmac(algorithm, &long[..minimum - 1]).unwrap_err(),
                KeyError::TooShort { algorithm, minimum, actual: minimum - 1 }
            );
            assert!(Key::danger_short_hmac(algorithm, &long[..5]).is_ok());
        }
    }

    #[test]
    fn unusable_secrets_are_refused_even_in_danger() {
        for make in [Key::hmac, Key::danger_short_hmac] {
            for (secret, error) in [
                (&b""[..], KeyError::Empty),
                (b" \n", KeyError::Empty),
                (b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI", KeyError::LooksLikeKeyFile),
                (b"\n  -----BEGIN RSA PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI", KeyError::LooksLikeKeyFile),
                (b"# my key\n-----BEGIN RSA PUBLIC KEY-----\nMFkwEwYHKo", KeyError::LooksLikeKeyFile),
                (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@example", KeyError::LooksLikeKeyFile),
                (b"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObw\"}", KeyError::LooksLikeKeyFile),
                (b"a-string-secret-at-least-256-bits-long", KeyError::WellKnown),
                (b"Your-256-Bit-Secret", KeyError::WellKnown),
            ] {
                assert_eq!(make(Algorithm::HS256, secret).unwrap_err(), error, "{}", secret.escape_ascii());
            }
        }
    }

    #[test]
    fn a_jwk_is_taken_at_its_word() {
        let jwk = |extra: &str| {
            let k = URL_SAFE_NO_PAD.encode(GOOD);
            Key::from_jwk(&format!("{{\"kty\":\"oct\",\"k\":\"{k}\"{extra}}}"), Algorithm::HS256)
        };
        assert_eq!(jwk("").unwrap().id(), None);
        assert_eq!(
            jwk(r#","kid":"one","alg":"HS256","use":"sig","key_ops":["verify","sign"]"#).unwrap().id(),
            Some("one")
        );
        assert_eq!(jwk(r#","alg":"HS512""#).unwrap_err(), KeyError::Unsupported);
        assert_eq!(jwk(r#","alg":"none""#).unwrap_err(), KeyError::Unsupported);
        assert_eq!(jwk(r#","use":"enc""#).unwrap_err(), KeyError::NotForSignatures);
        assert_eq!(jwk(r#","key_ops":["sign"]"#).unwrap_err(), KeyError::NotForSignatures);
        assert_eq!(jwk(r#","k":"AAAA""#).unwrap_err(), KeyError::Malformed);
        assert_eq!(jwk(r#","kid":"""#).unwrap_err(), KeyError::InvalidId);
        let rsa = r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#;
        assert_eq!(Key::from_jwk(rsa, Algorithm::HS256).unwrap_err(), KeyError::Unsupported);
    }

    #[test]
    fn several_keys_need_ids_that_differ() {
        let key = || Key::hmac(Algorithm::HS256, GOOD).unwrap();
        let named = |id: &str| key().with_id(id).unwrap();
        assert!(KeyRing::new(key(), vec![]).is_some());
        assert!(KeyRing::new(named("a"), vec![named("b")]).is_some());
        assert!(KeyRing::new(named("a"), vec![named("a")]).is_none());
        assert!(KeyRing::new(named("a"), vec![key()]).is_some());
        assert!(KeyRing::new(key(), vec![key()]).is_none());
    }

    #[test]
    fn no_key_is_tried_on_suspicion() {
        let named = |id: &str| Key::hmac(Algorithm::HS256, GOOD).unwrap().with_id(id).unwrap();
        let ring = KeyRing::new(named("a"), vec![named("b")]).unwrap();
        assert_eq!(ring.find(Some("b")).and_then(Key::id), Some("b"));
        assert!(ring.find(Some("c")).is_none());
        assert!(ring.find(None).is_none(), "two keys fit");
        let nameless = Key::hmac(Algorithm::HS256, GOOD).unwrap();
        let ring = KeyRing::new(named("a"), vec![nameless]).unwrap();
        assert!(ring.find(None).is_some_and(|key| key.id().is_none()), "the tokens of before there were ids");
        let one = KeyRing::new(named("a"), vec![]).unwrap();
        assert!(one.find(None).is_some());
        assert!(one.find(Some("c")).is_none());
    }

    #[test]
    fn key_ids_have_a_limit() {
        let key = || Key::hmac(Algorithm::HS256, GOOD).unwrap();
        assert!(key().with_id("x".repeat(128)).is_ok());
        for bad in [String::new(), "x".repeat(129), "a b".to_owned(), "ä".to_owned()] {
            assert_eq!(key().with_id(bad).unwrap_err(), KeyError::InvalidId);
        }
    }
}
