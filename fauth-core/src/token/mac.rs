//! HMAC (RFC 2104) with a prepared key, by the implementation that is faster on this machine.
//!
//! With SHA extensions that is pure Rust. On other CPUs, SHA-256 in portable code costs more than
//! the rest of a verification; there the feature `aws-lc-rs` provides one in assembly.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroize as _;

use super::algorithm::Algorithm;

/// Shorter signatures need no allocation: those of HMAC, ES256 and `EdDSA`.
pub(super) const INLINE_SIGNATURE_BYTES: usize = 64;
/// The length of the longest signature: RSA with 8192 bits.
pub(super) const MAX_SIGNATURE_BYTES: usize = 1024;

/// A key as the state of its hash function, zeroed on drop.
#[derive(Clone)]
pub(super) enum Mac {
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
    #[cfg(feature = "aws-lc-rs")]
    AwsLc(Box<aws_lc_rs::hmac::Key>),
}

impl Mac {
    /// Returns `None` if the algorithm is not HMAC, or the implementation refuses the key, which
    /// none does. (aws-lc-rs would panic if it could not allocate.)
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        if !algorithm.is_symmetric() {
            return None;
        }
        #[cfg(feature = "aws-lc-rs")]
        if algorithm != Algorithm::HS256 || !has_sha256_instructions() {
            return Self::aws_lc(algorithm, secret);
        }
        Self::rust_crypto(algorithm, secret)
    }

    fn rust_crypto(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let mac = match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(secret).map(Self::Sha256),
            Algorithm::HS384 => Hmac::new_from_slice(secret).map(Self::Sha384),
            Algorithm::HS512 => Hmac::new_from_slice(secret).map(Self::Sha512),
            _ => return None,
        };
        mac.ok()
    }

    #[cfg(feature = "aws-lc-rs")]
    fn aws_lc(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512, Key};
        let algorithm = match algorithm {
            Algorithm::HS256 => HMAC_SHA256,
            Algorithm::HS384 => HMAC_SHA384,
            Algorithm::HS512 => HMAC_SHA512,
            _ => return None,
        };
        Some(Self::AwsLc(Box::new(Key::new(algorithm, secret))))
    }

    /// Verifies a signature in constant time. A signature of another length is wrong.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Sha256(mac) => mac.clone().chain_update(message).verify_slice(signature).is_ok(),
            Self::Sha384(mac) => mac.clone().chain_update(message).verify_slice(signature).is_ok(),
            Self::Sha512(mac) => mac.clone().chain_update(message).verify_slice(signature).is_ok(),
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLc(key) => aws_lc_rs::hmac::verify(key, message, signature).is_ok(),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Sha256(mac) => Signature::new(&mac.clone().chain_update(message).finalize().into_bytes()),
            Self::Sha384(mac) => Signature::new(&mac.clone().chain_update(message).finalize().into_bytes()),
            Self::Sha512(mac) => Signature::new(&mac.clone().chain_update(message).finalize().into_bytes()),
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLc(key) => Signature::new(aws_lc_rs::hmac::sign(key, message).as_ref()),
        }
    }
}

/// A signature of any algorithm. Zeroed on drop, because keys for other purposes are derived from
/// some.
pub(super) enum Signature {
    Inline { buffer: [u8; INLINE_SIGNATURE_BYTES], length: usize },
    Long(Vec<u8>),
}

impl Signature {
    fn new(bytes: &[u8]) -> Self {
        let mut buffer = [0; INLINE_SIGNATURE_BYTES];
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self::Inline { buffer, length: bytes.len() }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { buffer, length } => buffer.get(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl Drop for Signature {
    fn drop(&mut self) {
        match self {
            Self::Inline { buffer, .. } => buffer.zeroize(),
            Self::Long(bytes) => bytes.zeroize(),
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
fn has_sha256_instructions() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_right(mac: &Mac, other: &Mac) {
        for length in [0, 1, 55, 56, 63, 64, 65, 421, 4096] {
            let message = vec![b'm'; length];
            let signature = mac.sign(&message);
            let signature = signature.as_bytes();
            assert_eq!(signature, other.sign(&message).as_bytes());
            assert!(other.verifies(&message, signature));
            assert!(!other.verifies(&[message.as_slice(), b"x"].concat(), signature));
            assert!(!other.verifies(&message, &signature[1..]));
            assert!(!other.verifies(&message, &[signature, b"x"].concat()));
            assert!(!other.verifies(&message, &[]));
        }
    }

    /// The implementation chosen for this machine agrees with pure Rust.
    #[test]
    fn the_choice_does_not_matter() {
        for algorithm in Algorithm::HMAC {
            for secret in [&b"s"[..], &[7; 64], &[7; 200]] {
                let chosen = Mac::new(algorithm, secret).unwrap();
                let portable = Mac::rust_crypto(algorithm, secret).unwrap();
                is_right(&chosen, &portable);
                is_right(&portable, &chosen);
                #[cfg(feature = "aws-lc-rs")]
                is_right(&Mac::aws_lc(algorithm, secret).unwrap(), &portable);
                #[cfg(feature = "aws-lc-rs")]
                is_right(&portable, &Mac::aws_lc(algorithm, secret).unwrap());
            }
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn it_is_hmac() {
        let mac = Mac::new(Algorithm::HS256, b"Jefe").unwrap();
        let signature = mac.sign(b"what do ya want for nothing?");
        let start =
            [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7];
        let end =
            [0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43];
        assert_eq!(signature.as_bytes(), [start, end].concat());
    }
}
