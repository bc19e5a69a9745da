//! Signatures in pure Rust. RSA keys verify only, because the timing of the `rsa` crate can reveal
//! a private key (RUSTSEC-2023-0071).

use std::fmt;

use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use rsa::{
    BigUint, RsaPublicKey,
    sha2::{Sha256, Sha384, Sha512},
};

use super::{
    super::{algorithm::Algorithm, key_error::KeyError},
    parts::{Curve, PrivateParts, PublicParts},
};

/// The default limit of `rsa` is half of this.
const LONGEST_RSA_BITS: usize = 8192;

pub(super) enum Verifying {
    Rs256(rsa::pkcs1v15::VerifyingKey<Sha256>),
    Rs384(rsa::pkcs1v15::VerifyingKey<Sha384>),
    Rs512(rsa::pkcs1v15::VerifyingKey<Sha512>),
    Ps256(rsa::pss::VerifyingKey<Sha256>),
    Ps384(rsa::pss::VerifyingKey<Sha384>),
    Ps512(rsa::pss::VerifyingKey<Sha512>),
    Es256(p256::ecdsa::VerifyingKey),
    Es384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Verifying {
    /// `parts` must have been checked for the algorithm.
    pub(super) fn new(algorithm: Algorithm, parts: &PublicParts) -> Result<Self, KeyError> {
        let invalid = KeyError::InvalidPoint { algorithm };
        let point = parts.point().unwrap_or_default();
        match parts {
            PublicParts::Rsa { n, e } => Self::rsa(algorithm, n, e),
            PublicParts::Ec { curve: Curve::P256, .. } => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Self::Es256).map_err(|_| invalid)
            }
            PublicParts::Ec { curve: Curve::P384, .. } => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Self::Es384).map_err(|_| invalid)
            }
            PublicParts::Ed25519(bytes) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
                key.ok().filter(|key| !key.is_weak()).map(Self::Ed25519).ok_or(invalid)
            }
        }
    }

    fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
        let key =
            RsaPublicKey::new_with_max_size(n, e, LONGEST_RSA_BITS).map_err(|_| KeyError::Inconsistent)?;
        match algorithm {
            Algorithm::RS256 => Ok(Self::Rs256(rsa::pkcs1v15::VerifyingKey::new(key))),
            Algorithm::RS384 => Ok(Self::Rs384(rsa::pkcs1v15::VerifyingKey::new(key))),
            Algorithm::RS512 => Ok(Self::Rs512(rsa::pkcs1v15::VerifyingKey::new(key))),
            // The salt is as long as the hash (RFC 7518 section 3.5); any other length is refused.
            Algorithm::PS256 => Ok(Self::Ps256(rsa::pss::VerifyingKey::new(key))),
            Algorithm::PS384 => Ok(Self::Ps384(rsa::pss::VerifyingKey::new(key))),
            Algorithm::PS512 => Ok(Self::Ps512(rsa::pss::VerifyingKey::new(key))),
            _ => Err(KeyError::Unsupported),
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        fn rsa<'a, K, S: TryFrom<&'a [u8]>>(key: &K, message: &[u8], signature: &'a [u8]) -> bool
        where
            K: rsa::signature::Verifier<S>,
        {
            S::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
        }
        match self {
            Self::Rs256(key) => rsa::<_, rsa::pkcs1v15::Signature>(key, message, signature),
            Self::Rs384(key) => rsa::<_, rsa::pkcs1v15::Signature>(key, message, signature),
            Self::Rs512(key) => rsa::<_, rsa::pkcs1v15::Signature>(key, message, signature),
            Self::Ps256(key) => rsa::<_, rsa::pss::Signature>(key, message, signature),
            Self::Ps384(key) => rsa::<_, rsa::pss::Signature>(key, message, signature),
            Self::Ps512(key) => rsa::<_, rsa::pss::Signature>(key, message, signature),
            Self::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Es384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

impl fmt::Debug for Verifying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifying(pure Rust)")
    }
}

/// Each variant is zeroed on drop.
pub(super) enum Signing {
    Es256(p256::ecdsa::SigningKey),
    Es384(p384::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Signing {
    /// Returns the key with its public half, which is computed and, if one is given, compared.
    pub(super) fn new(
        algorithm: Algorithm,
        public: Option<PublicParts>,
        private: &PrivateParts,
    ) -> Result<(Self, PublicParts), KeyError> {
        let (signing, own) = match private {
            PrivateParts::Rsa(_) => return Err(KeyError::SigningFeatureMissing { algorithm }),
            PrivateParts::Ec { curve: Curve::P256, d } => {
                let key = p256::ecdsa::SigningKey::from_slice(d).map_err(|_| KeyError::Inconsistent)?;
                let point = key.verifying_key().to_encoded_point(false);
                (Self::Es256(key), PublicParts::of_point(Curve::P256, point.as_bytes()))
            }
            PrivateParts::Ec { curve: Curve::P384, d } => {
                let key = p384::ecdsa::SigningKey::from_slice(d).map_err(|_| KeyError::Inconsistent)?;
                let point = key.verifying_key().to_encoded_point(false);
                (Self::Es384(key), PublicParts::of_point(Curve::P384, point.as_bytes()))
            }
            PrivateParts::Ed25519(seed) => {
                let key = Box::new(ed25519_dalek::SigningKey::from_bytes(seed));
                let own = PublicParts::Ed25519(key.verifying_key().to_bytes());
                (Self::Ed25519(key), Some(own))
            }
        };
        let own = own.ok_or(KeyError::Inconsistent)?;
        if public.is_some_and(|public| public != own) {
            return Err(KeyError::Inconsistent);
        }
        Ok((signing, own))
    }

    /// Deterministic (RFC 6979, RFC 8032).
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Self::Es384(key) => {
                let signature: p384::ecdsa::Signature = key.try_sign(message).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Self::Ed25519(key) => Some(key.try_sign(message).ok()?.to_vec()),
        }
    }
}
