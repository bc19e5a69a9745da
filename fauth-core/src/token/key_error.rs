//! Why a key is refused.

use super::algorithm::{Algorithm, KeyKind};

/// Why a key is refused. Never holds key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no secret.
    #[error("the secret is empty")]
    Empty,
    /// The secret is shorter than the hash of its algorithm.
    #[error("the secret has {actual} bytes, {algorithm} needs at least {minimum}")]
    TooShort {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
        /// Its least number of bytes.
        minimum: usize,
        /// How many there are.
        actual: usize,
    },
    /// The secret is the text of a key of another kind: PEM, SSH or JWK.
    #[error("the secret is the text of a PEM, SSH or JWK key")]
    LooksLikeKeyFile,
    /// The secret stands in documentation and lists of leaked secrets.
    #[error("the secret is a published example")]
    WellKnown,
    /// The secret repeats a short pattern or has fewer than eight different bytes.
    #[error("the secret is too uniform to be random")]
    TooUniform,
    /// The secret is made of words, such as `my-super-secret-key-for-production-1`, as they stand
    /// or in base64: people who guess begin with those. Neither a digit nor a letter outside of
    /// ASCII makes a phrase random.
    #[error("the secret is a phrase of words")]
    Phrase,
    /// The secret is a UUID with its hyphens, in braces or as a URN. Many kinds of them can be
    /// guessed, and none is made to be a key. 32 hexadecimal digits alone are accepted, because
    /// those of a UUID cannot be told from random ones.
    #[error("the secret is a UUID, which is made to be unique and not to be hard to guess")]
    Uuid,
    /// The secret begins or ends with white space, which is not part of it: most often the end of
    /// the line of a file.
    #[error("the secret begins or ends with white space, which does not count: remove it")]
    Whitespace,
    /// The kind or algorithm of the key is not supported.
    #[error("the kind or algorithm of the key is not supported")]
    Unsupported,
    /// The key is of a kind, or on a curve, that is not supported.
    #[error(
        "the key is of the kind `{name}`, which is not supported; use RSA, P-256, P-384 or Ed25519: `{}` makes a key",
        KeyKind::P256.recipe()
    )]
    UnsupportedKind {
        /// Its name.
        name: Box<str>,
    },
    /// The key is of another kind than its algorithm needs.
    #[error(
        "the key is {found}, {algorithm} needs {}: `{}` makes one",
        algorithm.key_kind().article(), algorithm.key_kind().recipe()
    )]
    WrongKind {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
        /// What the key is.
        found: &'static str,
    },
    /// A JWK names another algorithm than the one that it is loaded for.
    #[error("the JWK is for `{named}` (`alg`) and is loaded for {algorithm}: a key has one algorithm")]
    OtherAlgorithm {
        /// The algorithm that it is loaded for.
        algorithm: Algorithm,
        /// What it names.
        named: Box<str>,
    },
    /// Keys of this algorithm need a feature that is off.
    #[error("keys for {algorithm} need the feature `asymmetric` (or `asymmetric-pure-rust`) of fauth")]
    FeatureMissing {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// Private RSA keys need a feature that is off.
    #[error(
        "signing with {algorithm} needs the feature `asymmetric` of fauth: in pure Rust RSA keys verify only \
         (RUSTSEC-2023-0071); sign with ES256 or EdDSA, or load the public key"
    )]
    SigningFeatureMissing {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// The RSA key is too short or too long.
    #[error("the RSA key has {bits} bits, use 2048 to 8192: `{}` makes one", KeyKind::Rsa.recipe())]
    RsaSize {
        /// How many it has.
        bits: usize,
    },
    /// The public exponent of the RSA key is even, 1, or longer than 33 bits.
    #[error(
        "the exponent of the RSA key must be odd, at least 3, and at most 33 bits long (65537 is usual): `{}` makes a \
         good key",
        KeyKind::Rsa.recipe()
    )]
    RsaExponent,
    /// The public key is no point of its curve, or one with which signatures prove nothing.
    #[error(
        "the public key is no usable point of the curve of {algorithm}: `{}` makes a good key",
        algorithm.key_kind().recipe()
    )]
    InvalidPoint {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// A number of a key on an elliptic curve does not have the length that the curve demands.
    #[error(
        "`x`, `y` and `d` of a key on {curve} have {expected} bytes each, with zeros in front if need be"
    )]
    EcLength {
        /// The name of the curve.
        curve: &'static str,
        /// The length of each number.
        expected: usize,
    },
    /// An Ed25519 key does not have 32 bytes.
    #[error("the Ed25519 key has {actual} bytes, it needs 32: `{}` makes one", KeyKind::Ed25519.recipe())]
    Ed25519Length {
        /// How many there are.
        actual: usize,
    },
    /// The private half of the key is broken, or does not belong to the public one.
    #[error("the numbers of the key do not belong together: it is damaged, or made of two keys")]
    Inconsistent,
    /// The JWK of a private RSA key lacks members.
    #[error("the JWK of a private RSA key needs `p`, `q`, `dp`, `dq` and `qi` beside `d`")]
    IncompletePrivateKey,
    /// The key can only verify, where one is needed that signs.
    #[error("the key can only verify: load the private key, or use `Key::from_signer`")]
    CannotSign,
    /// The key says that it is not meant for signatures (`use`, `key_ops`).
    #[error(
        "the key is not meant for this: `use` must be `sig`, and `key_ops` hold `verify` (`sign` for a private key), \
         where they are there"
    )]
    NotForSignatures,
    /// The text is not a JWK.
    #[error("the text is not a JWK")]
    Malformed,
    /// The text is not a key in PEM.
    #[error(
        "the text is not a key in PEM, which begins with `-----BEGIN PRIVATE KEY-----` or `-----BEGIN PUBLIC KEY-----`"
    )]
    MalformedPem,
    /// The bytes are not a key in DER.
    #[error("the bytes are not a key in DER (SubjectPublicKeyInfo, PKCS #8, PKCS #1 or SEC 1)")]
    MalformedDer,
    /// The private key is encrypted.
    #[error("the key is encrypted: `openssl pkey -in key.pem -out plain.pem` decrypts it")]
    Encrypted,
    /// It is a certificate.
    #[error(
        "this is a certificate: `openssl x509 -in certificate.pem -pubkey -noout` takes the key out of it"
    )]
    Certificate,
    /// The text holds more than one key.
    #[error("there are several keys in the text: give each by itself")]
    SeveralKeys,
    /// The file cannot be read.
    #[error("the key file `{path}` cannot be read: {problem}")]
    Unreadable {
        /// Its path.
        path: Box<str>,
        /// What the operating system says.
        problem: Box<str>,
    },
    /// The set has more keys than are read.
    #[error("the set has more than {maximum} keys")]
    TooManyKeys {
        /// How many are read.
        maximum: usize,
    },
    /// No key of the set can be used: each is of another type or algorithm, or for another use.
    #[error("the set has no key that can be used")]
    NoUsableKey,
    /// A key that others are to know is a secret or has private members.
    #[error("the key is to be a public one, and it is secret or has private members")]
    NotPublic,
    /// Two keys have the same id.
    #[error("two keys have the same id")]
    DuplicateId,
    /// The key id is empty, longer than 128 bytes, or holds something else than visible ASCII.
    #[error("the key id must have 1 to 128 visible ASCII characters")]
    InvalidId,
}
