//! Keys: which are accepted, what each may verify, and which one signs.

use std::{fmt, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

#[cfg(any(feature = "asymmetric", feature = "asymmetric-pure-rust"))]
use super::asymmetric::Pair;
#[cfg(not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")))]
use super::no_asymmetric::Pair;
use super::{
    algorithm::{Algorithm, KeyKind},
    elsewhere::Elsewhere,
    jwk::{self, Jwk},
    key_error::KeyError,
    limits::MAX_KEY_ID_BYTES,
    mac::{Mac, Signature},
    signer_error::SignerError,
    weak_secrets::{refuse_form, refuse_guessable, refuse_unusable},
};

/// The size limit of a key file.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A key for one algorithm, prepared for use.
///
/// The algorithm belongs to the key; the header of a token never chooses it. A secret or private
/// key cannot be read back: at construction it becomes the state that computes with it, which is
/// zeroed on drop.
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
///
/// # Asymmetric keys
/// Every algorithm other than HMAC has a private key that signs and a public key with which other
/// services verify. Such keys need the feature `asymmetric`, or `asymmetric-pure-rust`, which
/// verifies RSA signatures but cannot create them. Create a key with OpenSSL, and load it with
/// [`from_pem`](Self::from_pem) or [`from_file`](Self::from_file):
///
/// ```text
/// openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem       # ES256
/// openssl genpkey -algorithm ED25519 -out key.pem                                   # EdDSA
/// openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem         # RS*, PS*
/// ```
///
/// The id of such a key, unless it has one or is given one, is the thumbprint of its public key
/// ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
#[derive(Clone)]
pub struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "the large variant is the usual one, and needs no indirection")]
enum Material {
    Mac(Mac),
    Pair(Arc<Pair>),
    Elsewhere(Arc<Pair>, Elsewhere),
}

impl Key {
    /// Creates an HMAC key.
    ///
    /// # Errors
    /// [`KeyError`] if the secret is empty, shorter than the hash, too uniform, a published
    /// example, a phrase, a UUID, the text of a key of another kind, or has white space at either
    /// end. `openssl rand -base64 48` generates one that is good for every algorithm.
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

    /// Creates an HMAC key of any length above zero, including a phrase or a UUID, for services
    /// that share such a secret with a legacy system.
    ///
    /// # Security
    /// A secret that is shorter than the hash, or that a person made up, can be guessed: one
    /// captured token is enough to test guesses offline, and whoever finds the secret can
    /// impersonate every user. Replace it as soon as the legacy system allows.
    ///
    /// # Errors
    /// [`KeyError`] if the secret is empty, a published example, or the text of a key of another
    /// kind.
    pub fn danger_short_hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        refuse_asymmetric(algorithm)?;
        refuse_unusable(secret)?;
        Self::prepare(algorithm, secret)
    }

    /// Reads a JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517), [RFC 7518 section
    /// 6](https://www.rfc-editor.org/rfc/rfc7518#section-6), [RFC
    /// 8037](https://www.rfc-editor.org/rfc/rfc8037)): a secret (`oct`), or a public or private key
    /// of the kind that `algorithm` needs.
    ///
    /// The members `use`, `key_ops`, `alg` and `kid` are honoured. `algorithm` applies to a JWK
    /// without `alg`; it is never taken from a token.
    ///
    /// # Errors
    /// [`KeyError`] if the text is not a JWK, the key has another type or is not meant for
    /// signatures, its `alg` differs from `algorithm`, or [`Key::hmac`] or [`Key::from_pem`] would
    /// refuse it.
    pub fn from_jwk(json: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::of_jwk(&Jwk::parse(json)?, algorithm)
    }

    fn of_jwk(jwk: &Jwk<'_>, algorithm: Algorithm) -> Result<Self, KeyError> {
        jwk.refuse_other_use()?;
        match (jwk.is_secret(), algorithm.is_symmetric()) {
            (true, true) | (false, false) => {}
            (true, false) => return Err(KeyError::WrongKind { algorithm, found: KeyKind::Secret.article() }),
            (false, true) => return Err(KeyError::WrongKind { algorithm, found: "not a secret" }),
        }
        jwk.refuse_other_algorithm(algorithm)?;
        let key = if algorithm.is_symmetric() {
            Self::hmac(algorithm, &jwk::bytes(jwk.k.as_ref())?)?
        } else {
            Self::of_pair(algorithm, Pair::from_jwk(algorithm, jwk)?)
        };
        match &jwk.kid {
            Some(id) => key.with_id(id.as_ref()),
            None => Ok(key),
        }
    }

    /// Reads a private or public key from PEM: `PRIVATE KEY` (PKCS #8), `PUBLIC KEY`, `RSA PRIVATE
    /// KEY`, `RSA PUBLIC KEY` or `EC PRIVATE KEY`.
    ///
    /// # Errors
    /// [`KeyError`] if the text is not exactly one such key, or the key is encrypted, of another
    /// kind than the algorithm needs, or weak: RSA keys must have 2048 to 8192 bits and an odd
    /// exponent of at least 3, and points must lie on their curve. P-521, Ed448 and secp256k1 are
    /// not supported.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        refuse_secret(algorithm)?;
        let pem = std::str::from_utf8(pem.as_ref()).map_err(|_| KeyError::MalformedPem)?;
        Pair::from_pem(algorithm, pem).map(|pair| Self::of_pair(algorithm, pair))
    }

    /// Reads a key like [`from_pem`](Self::from_pem), from DER bytes.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        refuse_secret(algorithm)?;
        Pair::from_der(algorithm, der).map(|pair| Self::of_pair(algorithm, pair))
    }

    /// Reads a key from text: a JWK if it begins with `{`, otherwise PEM.
    ///
    /// # Errors
    /// As [`from_jwk`](Self::from_jwk) and [`from_pem`](Self::from_pem).
    pub fn from_text(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with('{') {
            Self::from_jwk(text, algorithm)
        } else {
            Self::from_pem(algorithm, text)
        }
    }

    /// Reads a key from a file of at most 64 KiB that holds a JWK, PEM or DER. The file is read
    /// once; later changes to it have no effect.
    ///
    /// # Security
    /// Make the file of a private key readable by the service alone.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] if the file cannot be read, otherwise as
    /// [`from_jwk`](Self::from_jwk) and [`from_pem`](Self::from_pem).
    pub fn from_file(algorithm: Algorithm, path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let content = read_file(path.as_ref())?;
        match std::str::from_utf8(&content) {
            Ok(text) => Self::from_text(algorithm, text),
            Err(_) => Self::from_der(algorithm, &content),
        }
    }

    /// The same public key, with `signer` as the holder of its private half.
    pub(super) fn signed_elsewhere(self, signer: Elsewhere) -> Result<Self, KeyError> {
        match self.material {
            Material::Mac(_) => Err(KeyError::NotPublic),
            Material::Pair(pair) | Material::Elsewhere(pair, _) => {
                Ok(Self { material: Material::Elsewhere(pair, signer), ..self })
            }
        }
    }

    /// A value by which two providers detect that they share this key. It does not depend on the
    /// key's id and algorithm, and is used for nothing else.
    pub(super) fn fingerprint(&self) -> Zeroizing<String> {
        match &self.material {
            Material::Mac(mac) => Secret(mac.clone()).fingerprint(),
            Material::Pair(pair) | Material::Elsewhere(pair, _) => Zeroizing::new(pair.thumbprint()),
        }
    }

    fn of_pair(algorithm: Algorithm, pair: Pair) -> Self {
        let id = Some(pair.thumbprint().into_boxed_str());
        Self { id, algorithm, material: Material::Pair(Arc::new(pair)) }
    }

    /// Sets the key id, written as `kid` into the tokens that the key signs. Required once there is
    /// more than one key. One key may have no id; it verifies the tokens without `kid`.
    ///
    /// # Errors
    /// [`KeyError::InvalidId`] unless the id is 1 to 128 visible ASCII characters.
    pub fn with_id(mut self, id: impl Into<String>) -> Result<Self, KeyError> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_KEY_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyError::InvalidId);
        }
        self.id = Some(id.into_boxed_str());
        Ok(self)
    }

    /// The key id (`kid`).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The only algorithm that this key is used for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the key can sign, rather than only verify.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        match &self.material {
            Material::Mac(_) | Material::Elsewhere(..) => true,
            Material::Pair(pair) => pair.can_sign(),
        }
    }

    /// The public half as a JWK, without any private member. `None` for an HMAC key, which has no
    /// public half.
    #[must_use]
    pub fn public_jwk(&self) -> Option<String> {
        match &self.material {
            Material::Mac(_) => None,
            Material::Pair(pair) | Material::Elsewhere(pair, _) => {
                Some(pair.public_jwk(self.algorithm, self.id()))
            }
        }
    }

    /// Reads a key of a published set. `None` if it cannot be used. The caller has checked that no
    /// member of the set occurs twice.
    ///
    /// # Errors
    /// [`KeyError::NotPublic`] if the key is a secret or has private members;
    /// [`KeyError::Malformed`] if it is not an object.
    #[cfg(feature = "trusted-issuers")]
    pub(super) fn published(json: &str, allowed: &[Algorithm]) -> Result<Option<Self>, KeyError> {
        jwk::refuse_private(json)?;
        let Ok(jwk) = Jwk::parse(json) else { return Ok(None) };
        let is_meant = |algorithm: &&Algorithm| match jwk.algorithm() {
            Some(named) => algorithm.as_str() == named,
            None => true,
        };
        // Without `alg`, the kind of the key decides: the first algorithm that accepts the key.
        let keys = allowed.iter().filter(|algorithm| !algorithm.is_symmetric()).filter(is_meant);
        Ok(keys.map(|algorithm| Self::of_jwk(&jwk, *algorithm)).find_map(Result::ok))
    }

    fn prepare(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        // HMAC accepts keys of every length, so this error cannot occur; it is passed on
        // nevertheless.
        let mac = Mac::new(algorithm, secret).ok_or(KeyError::Malformed)?;
        Ok(Self { id: None, algorithm, material: Material::Mac(mac) })
    }

    /// The length of the key's signatures in bytes.
    pub(super) fn signature_bytes(&self) -> usize {
        match &self.material {
            Material::Mac(_) => self.algorithm.minimum_secret_bytes(),
            Material::Pair(pair) | Material::Elsewhere(pair, _) => pair.signature_bytes(),
        }
    }

    /// Verifies a signature, in constant time for HMAC. A signature of another length is wrong.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Mac(mac) => mac.verifies(message, signature),
            Material::Pair(pair) | Material::Elsewhere(pair, _) => pair.verifies(message, signature),
        }
    }

    /// `None` if the key does not sign in this process, or there is no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Signature> {
        match &self.material {
            Material::Mac(mac) => Some(mac.sign(message)),
            Material::Pair(pair) => pair.sign(message).map(Signature::Long),
            Material::Elsewhere(..) => None,
        }
    }

    #[cfg(all(test, feature = "mandates"))]
    pub(crate) fn sign_for_test(&self, message: &[u8]) -> Vec<u8> {
        self.sign(message).map(|signature| signature.as_bytes().to_vec()).unwrap_or_default()
    }

    pub(super) const fn signs_elsewhere(&self) -> bool {
        matches!(self.material, Material::Elsewhere(..))
    }

    /// Signs through the external signer, whose signature is verified because it may be wrong.
    pub(super) async fn sign_elsewhere(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let Material::Elsewhere(_, signer) = &self.material else {
            return Err(SignerError::WrongSignature { length: 0 });
        };
        let signature = signer.sign(message).await?;
        if self.verifies(message, &signature) {
            Ok(Signature::Long(signature))
        } else {
            Err(SignerError::WrongSignature { length: signature.len() })
        }
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

/// A secret from which keys for other purposes are derived. Never an asymmetric key: its signatures
/// are public, and some differ each time.
#[derive(Clone)]
pub(crate) struct Secret(Mac);

impl Secret {
    /// `None` unless the key is an HMAC key.
    pub(crate) fn of(key: &Key) -> Option<Self> {
        match &key.material {
            Material::Mac(mac) => Some(Self(mac.clone())),
            Material::Pair(_) | Material::Elsewhere(..) => None,
        }
    }

    /// A secret for HMAC with SHA-256, under the rules of [`Key::hmac`].
    pub(crate) fn new(secret: &[u8]) -> Result<Self, KeyError> {
        Self::of(&Key::hmac(Algorithm::HS256, secret)?).ok_or(KeyError::Unsupported)
    }

    /// A value that identifies the secret without revealing it. It leaves the application name out,
    /// because secrets of different applications are compared.
    pub(crate) fn fingerprint(&self) -> Zeroizing<String> {
        self.derive("fauth: is it the same key")
    }

    /// Derives a key for another purpose, named by the label. Labels contain a space, and the
    /// signing input of a token never does, so the two cannot collide.
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<String> {
        self.mac_of(label.as_bytes())
    }

    /// The HMAC of a message, as base64url.
    pub(crate) fn mac_of(&self, message: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.sign(message).as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// One key that signs, and any number that only verify.
#[derive(Debug, Clone)]
pub(crate) struct FixedKeys {
    /// The signing key comes first.
    keys: Vec<Key>,
}

impl FixedKeys {
    /// Returns `None` if two keys have the same id, or two have none: a token must identify its
    /// key. One key may have no id; it verifies the tokens without `kid`.
    pub(crate) fn new(signing: Key, others: Vec<Key>) -> Option<Self> {
        let mut keys = vec![signing];
        keys.extend(others);
        let mut ids: Vec<_> = keys.iter().map(Key::id).collect();
        ids.sort_unstable();
        ids.dedup();
        (ids.len() == keys.len()).then_some(Self { keys })
    }

    /// No keys: no own token is accepted, and none is issued.
    pub(crate) const fn empty() -> Self {
        Self { keys: Vec::new() }
    }

    pub(crate) fn signing(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(crate) fn all(&self) -> &[Key] {
        &self.keys
    }

    /// The key with which a token of this `kid` was signed. Keys are never tried one after another.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (_, keys) => keys.iter().find(|key| key.id() == id),
        }
    }
}

fn refuse_asymmetric(algorithm: Algorithm) -> Result<(), KeyError> {
    if algorithm.is_symmetric() {
        Ok(())
    } else {
        Err(KeyError::WrongKind { algorithm, found: KeyKind::Secret.article() })
    }
}

/// Refuses to use the content of a key file as a secret: its public half may be known to anyone.
fn refuse_secret(algorithm: Algorithm) -> Result<(), KeyError> {
    if algorithm.is_symmetric() {
        Err(KeyError::WrongKind { algorithm, found: "in PEM or DER" })
    } else {
        Ok(())
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    use std::io::Read as _;
    let unreadable = |problem: String| KeyError::Unreadable {
        path: path.display().to_string().into_boxed_str(),
        problem: problem.into_boxed_str(),
    };
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut content = Zeroizing::new(Vec::with_capacity(8 * 1024));
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(|error| unreadable(error.to_string()))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    Ok(content)
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
        let other =
            |named: &str| KeyError::OtherAlgorithm { algorithm: Algorithm::HS256, named: named.into() };
        assert_eq!(jwk(r#","alg":"HS512""#).unwrap_err(), other("HS512"));
        assert_eq!(jwk(r#","alg":"none""#).unwrap_err(), other("none"));
        assert_eq!(jwk(r#","use":"enc""#).unwrap_err(), KeyError::NotForSignatures);
        assert_eq!(jwk(r#","key_ops":["sign"]"#).unwrap_err(), KeyError::NotForSignatures);
        assert_eq!(jwk(r#","k":"AAAA""#).unwrap_err(), KeyError::Malformed);
        assert_eq!(jwk(r#","kid":"""#).unwrap_err(), KeyError::InvalidId);
        let rsa = r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#;
        let wrong = KeyError::WrongKind { algorithm: Algorithm::HS256, found: "not a secret" };
        assert_eq!(Key::from_jwk(rsa, Algorithm::HS256).unwrap_err(), wrong);
    }

    #[test]
    fn several_keys_need_ids_that_differ() {
        let key = || Key::hmac(Algorithm::HS256, GOOD).unwrap();
        let named = |id: &str| key().with_id(id).unwrap();
        assert!(FixedKeys::new(key(), vec![]).is_some());
        assert!(FixedKeys::new(named("a"), vec![named("b")]).is_some());
        assert!(FixedKeys::new(named("a"), vec![named("a")]).is_none());
        assert!(FixedKeys::new(named("a"), vec![key()]).is_some());
        assert!(FixedKeys::new(key(), vec![key()]).is_none());
    }

    #[test]
    fn no_key_is_tried_on_suspicion() {
        let named = |id: &str| Key::hmac(Algorithm::HS256, GOOD).unwrap().with_id(id).unwrap();
        let ring = FixedKeys::new(named("a"), vec![named("b")]).unwrap();
        assert_eq!(ring.find(Some("b")).and_then(Key::id), Some("b"));
        assert!(ring.find(Some("c")).is_none());
        assert!(ring.find(None).is_none(), "two keys fit");
        let nameless = Key::hmac(Algorithm::HS256, GOOD).unwrap();
        let ring = FixedKeys::new(named("a"), vec![nameless]).unwrap();
        assert!(ring.find(None).is_some_and(|key| key.id().is_none()), "the tokens of before there were ids");
        let one = FixedKeys::new(named("a"), vec![]).unwrap();
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
