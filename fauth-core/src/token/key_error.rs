//! Why a key is refused.

use super::algorithm::{Algorithm, KeyKind};

/// Why a key is refused. Contains no key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is empty.
    #[error("the secret is empty")]
    Empty,
    /// The secret is shorter than the hash of its algorithm.
    #[error("the secret has {actual} bytes, {algorithm} needs at least {minimum}")]
    TooShort {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
        /// The minimum number of bytes.
        minimum: usize,
        /// The number of bytes of the secret.
        actual: usize,
    },
    /// The secret is the text of a key of another kind: PEM, SSH or JWK.
    #[error("the secret is the text of a PEM, SSH or JWK key")]
    LooksLikeKeyFile,
    /// The secret appears in documentation or in lists of leaked secrets.
    #[error("the secret is a published example")]
    WellKnown,
    /// The secret repeats a short pattern, or has fewer than eight different bytes.
    #[error("the secret is too uniform to be random")]
    TooUniform,
    /// The secret consists of words, such as `my-super-secret-key-for-production-1`, as plain text
    /// or in base64. Attackers try such phrases first. Digits or letters outside ASCII do not make
    /// a phrase random.
    #[error("the secret is a phrase of words")]
    Phrase,
    /// The secret is a UUID with hyphens, in braces, or as a URN. Many kinds of UUID can be
    /// guessed, and none is meant to be a key. 32 hexadecimal digits without hyphens are accepted,
    /// because a UUID cannot be told from random digits.
    #[error("the secret is a UUID, which is unique but not necessarily hard to guess")]
    Uuid,
    /// The secret begins or ends with white space, which is not part of it: usually the line end of
    /// a file.
    #[error("the secret begins or ends with white space: remove it")]
    Whitespace,
    /// The kind or algorithm of the key is not supported.
    #[error("the kind or algorithm of the key is not supported")]
    Unsupported,
    /// The key is of a kind, or on a curve, that is not supported.
    #[error(
        "keys of the kind `{name}` are not supported; use RSA, P-256, P-384 or Ed25519: `{}` generates a key",
        KeyKind::P256.recipe()
    )]
    UnsupportedKind {
        /// The name of the kind or curve.
        name: Box<str>,
    },
    /// The key is of another kind than its algorithm needs.
    #[error(
        "the key is {found}, {algorithm} needs {}: `{}` generates one",
        algorithm.key_kind().article(), algorithm.key_kind().recipe()
    )]
    WrongKind {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
        /// What the key is instead.
        found: &'static str,
    },
    /// A JWK names another algorithm than the one it is loaded for.
    #[error("the JWK is for `{named}` (`alg`) but is loaded for {algorithm}; a key has only one algorithm")]
    OtherAlgorithm {
        /// The algorithm that the key is loaded for.
        algorithm: Algorithm,
        /// The `alg` of the JWK.
        named: Box<str>,
    },
    /// Keys for this algorithm need a Cargo feature that is not enabled.
    #[error("keys for {algorithm} need the feature `asymmetric` (or `asymmetric-pure-rust`) of fauth")]
    FeatureMissing {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// Private RSA keys need a Cargo feature that is not enabled.
    #[error(
        "signing with {algorithm} needs the feature `asymmetric` of fauth: `asymmetric-pure-rust` cannot sign with RSA \
         (RUSTSEC-2023-0071); sign with ES256 or EdDSA, or load the public key"
    )]
    SigningFeatureMissing {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// The RSA key is too short or too long.
    #[error("the RSA key has {bits} bits; use 2048 to 8192: `{}` generates one", KeyKind::Rsa.recipe())]
    RsaSize {
        /// The size of the key in bits.
        bits: usize,
    },
    /// The public exponent of the RSA key is even, 1, or longer than 33 bits.
    #[error(
        "the exponent of the RSA key must be odd, at least 3, and at most 33 bits long (65537 is usual): `{}` \
         generates a good key",
        KeyKind::Rsa.recipe()
    )]
    RsaExponent,
    /// The public key is not a point of its curve, or is one with which any signature is worthless.
    #[error(
        "the public key is not a usable point of the curve of {algorithm}: `{}` generates a good key",
        algorithm.key_kind().recipe()
    )]
    InvalidPoint {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
    },
    /// A number of an elliptic-curve key does not have the length that the curve requires.
    #[error(
        "`x`, `y` and `d` of a key on {curve} must have {expected} bytes each, padded with leading zeros"
    )]
    EcLength {
        /// The name of the curve.
        curve: &'static str,
        /// The required length of each number in bytes.
        expected: usize,
    },
    /// The Ed25519 key does not have 32 bytes.
    #[error("the Ed25519 key has {actual} bytes and needs 32: `{}` generates one", KeyKind::Ed25519.recipe())]
    Ed25519Length {
        /// The number of bytes of the key.
        actual: usize,
    },
    /// The private half of the key is damaged, or does not belong to the public half.
    #[error("the private and public parts of the key do not match: it is damaged, or made of two keys")]
    Inconsistent,
    /// The JWK of a private RSA key lacks members.
    #[error("the JWK of a private RSA key needs `p`, `q`, `dp`, `dq` and `qi` beside `d`")]
    IncompletePrivateKey,
    /// The key is public, and a key that signs is needed.
    #[error("the key can only verify: load the private key, or use `Key::from_signer`")]
    CannotSign,
    /// The key is not meant for signatures, according to its `use` or `key_ops`.
    #[error(
        "the key is not meant for signatures: `use`, if present, must be `sig`, and `key_ops`, if present, must hold \
         `verify` (`sign` for a private key)"
    )]
    NotForSignatures,
    /// The text is not a JWK.
    #[error("the text is not a JWK")]
    Malformed,
    /// The text is not a PEM key.
    #[error(
        "the text is not a key in PEM, which begins with `-----BEGIN PRIVATE KEY-----` or `-----BEGIN PUBLIC KEY-----`"
    )]
    MalformedPem,
    /// The bytes are not a DER key.
    #[error("the bytes are not a key in DER (SubjectPublicKeyInfo, PKCS #8, PKCS #1 or SEC 1)")]
    MalformedDer,
    /// The private key is encrypted.
    #[error("the key is encrypted: `openssl pkey -in key.pem -out plain.pem` decrypts it")]
    Encrypted,
    /// The text is a certificate, not a key.
    #[error(
        "this is a certificate: `openssl x509 -in certificate.pem -pubkey -noout` extracts its public key"
    )]
    Certificate,
    /// The text holds more than one key.
    #[error("the text holds several keys: load each separately")]
    SeveralKeys,
    /// The file cannot be read.
    #[error("the key file `{path}` cannot be read: {problem}")]
    Unreadable {
        /// The path.
        path: Box<str>,
        /// The error of the operating system.
        problem: Box<str>,
    },
    /// The set has more keys than the maximum.
    #[error("the set has more than {maximum} keys")]
    TooManyKeys {
        /// The maximum.
        maximum: usize,
    },
    /// No key of the set is usable: each has another type or algorithm, or is for another use.
    #[error("the set has no usable key")]
    NoUsableKey,
    /// A key that is to be published is a secret, or has private members.
    #[error("the key must be public, but is a secret or has private members")]
    NotPublic,
    /// Two keys have the same id.
    #[error("two keys have the same id")]
    DuplicateId,
    /// The key id is empty, longer than 128 bytes, or not visible ASCII.
    #[error("the key id must have 1 to 128 visible ASCII characters")]
    InvalidId,
}
