//! Signature algorithms and their registered names.

use std::fmt;

/// The signature algorithm of a key ([RFC 7518 section
/// 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1), [RFC 8037 section
/// 3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
///
/// The algorithm belongs to the key; a token's header can only agree with it.
///
/// HMAC is always available. The others need the feature `asymmetric` (aws-lc-rs) or
/// `asymmetric-pure-rust`, with which RSA keys verify but do not sign. ES512, Ed448 and secp256k1
/// are not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256. The secret has at least 32 bytes.
    #[default]
    HS256,
    /// HMAC with SHA-384. The secret has at least 48 bytes.
    HS384,
    /// HMAC with SHA-512. The secret has at least 64 bytes.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256; the salt is as long as the hash.
    PS256,
    /// RSASSA-PSS with SHA-384; the salt is as long as the hash.
    PS384,
    /// RSASSA-PSS with SHA-512; the salt is as long as the hash.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// The kind of key that an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl KeyKind {
    /// The kind as a phrase for errors, after "the key is".
    pub(crate) const fn article(self) -> &'static str {
        match self {
            Self::Secret => "a secret",
            Self::Rsa => "an RSA key",
            Self::P256 => "a key on the curve P-256",
            Self::P384 => "a key on the curve P-384",
            Self::Ed25519 => "an Ed25519 key",
        }
    }

    /// The command that generates such a key.
    pub(crate) const fn recipe(self) -> &'static str {
        match self {
            Self::Secret => "openssl rand -base64 48",
            Self::Rsa => "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072",
            Self::P256 => "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            Self::P384 => "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
            Self::Ed25519 => "openssl genpkey -algorithm ED25519",
        }
    }
}

impl Algorithm {
    /// Every supported algorithm.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The algorithms whose keys are secrets.
    pub const HMAC: [Self; 3] = [Self::HS256, Self::HS384, Self::HS512];

    /// Returns the registered name, as it is written in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether one secret both signs and verifies (HMAC). Otherwise a private key signs and a
    /// public key verifies.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Returns the minimum length of a secret in bytes ([RFC 7518 section
    /// 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)); 0 for an asymmetric algorithm.
    #[must_use]
    pub const fn minimum_secret_bytes(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
            _ => 0,
        }
    }

    pub(crate) const fn key_kind(self) -> KeyKind {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => KeyKind::Secret,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => KeyKind::Rsa,
            Self::ES256 => KeyKind::P256,
            Self::ES384 => KeyKind::P384,
            Self::EdDSA => KeyKind::Ed25519,
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
