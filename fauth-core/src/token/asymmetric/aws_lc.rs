//! Signatures by aws-lc-rs, with prepared keys.

use std::fmt;

use aws_lc_rs::{
    agreement::{self, ECDH_P256, ECDH_P384},
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters, VerificationAlgorithm,
    },
};

use super::{
    super::{algorithm::Algorithm, key_error::KeyError},
    parts::{Curve, PrivateParts, PublicParts, RsaPrivate},
};

pub(super) struct Verifying(ParsedPublicKey);

impl Verifying {
    /// `parts` must have been checked for the algorithm.
    pub(super) fn new(algorithm: Algorithm, parts: &PublicParts) -> Result<Self, KeyError> {
        let invalid = |_| KeyError::InvalidPoint { algorithm };
        let key = match parts {
            PublicParts::Rsa { n, e } => {
                let parameters = rsa_parameters(algorithm).ok_or(KeyError::Unsupported)?;
                let components = PublicKeyComponents { n, e };
                components.to_parsed_public_key(parameters).map_err(|_| KeyError::Inconsistent)
            }
            PublicParts::Ec { curve, .. } => {
                let verification: &'static dyn VerificationAlgorithm = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                };
                ParsedPublicKey::new(verification, parts.point().unwrap_or_default()).map_err(invalid)
            }
            PublicParts::Ed25519(bytes) => ParsedPublicKey::new(&ED25519, bytes).map_err(invalid),
        };
        key.map(Self)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

pub(super) enum Signing {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signing {
    /// Returns the key with its public half, which is computed and, if one is given, checked.
    pub(super) fn new(
        algorithm: Algorithm,
        public: Option<PublicParts>,
        private: &PrivateParts,
    ) -> Result<(Self, PublicParts), KeyError> {
        let inconsistent = |_| KeyError::Inconsistent;
        match (private, public) {
            (PrivateParts::Rsa(private), Some(public)) => {
                let pair = rsa_pair(private, &public).ok_or(KeyError::Inconsistent)?;
                let encoding = rsa_encoding(algorithm).ok_or(KeyError::Unsupported)?;
                Ok((Self::Rsa(pair, encoding), public))
            }
            // Every encoding of an RSA key has the public half.
            (PrivateParts::Rsa(_), None) => Err(KeyError::Inconsistent),
            (PrivateParts::Ec { curve, d }, public) => {
                let public = match public {
                    Some(public) => public,
                    None => public_half(*curve, d).ok_or(KeyError::Inconsistent)?,
                };
                let point = public.point().unwrap_or_default();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(ecdsa(*curve), d, &point);
                Ok((Self::Ec(pair.map_err(inconsistent)?), public))
            }
            (PrivateParts::Ed25519(seed), public) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&**seed).map_err(inconsistent)?;
                let own = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Inconsistent)?;
                let own = PublicParts::Ed25519(own);
                if public.is_some_and(|public| public != own) {
                    return Err(KeyError::Inconsistent);
                }
                Ok((Self::Ed25519(pair), own))
            }
        }
    }

    /// Returns `None` if the operating system provides no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec(pair) => Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec()),
            Self::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Verifying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifying(aws-lc-rs)")
    }
}

fn rsa_pair(private: &RsaPrivate, public: &PublicParts) -> Option<RsaKeyPair> {
    let PublicParts::Rsa { n, e } = public else { return None };
    let components = KeyPairComponents::<&[u8], &[u8]> {
        public_key: PublicKeyComponents { n, e },
        d: &private.d,
        p: &private.p,
        q: &private.q,
        dP: &private.dp,
        dQ: &private.dq,
        qInv: &private.qi,
    };
    RsaKeyPair::from_components(&components).ok()
}

fn public_half(curve: Curve, d: &[u8]) -> Option<PublicParts> {
    let algorithm = match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
    };
    let key = agreement::PrivateKey::from_private_key(algorithm, d).ok()?;
    PublicParts::of_point(curve, key.compute_public_key().ok()?.as_ref())
}

const fn ecdsa(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    }
}

/// The salt of PSS is as long as the hash (RFC 7518 section 3.5); any other length is refused.
const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}
