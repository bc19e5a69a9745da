//! The numbers of a key, whatever its encoding, and the checks that they must pass.

use zeroize::Zeroizing;

use super::super::{
    algorithm::{Algorithm, KeyKind},
    key_error::KeyError,
};

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The limit of both implementations: 33 bits.
const LONGEST_EXPONENT_BITS: usize = 33;

/// A supported elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// The length in bytes of one coordinate, or of the private number.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// The public half of a key. Numbers are big-endian, without leading zeros unless their length is
/// fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicParts {
    Rsa { n: Box<[u8]>, e: Box<[u8]> },
    Ec { curve: Curve, x: Box<[u8]>, y: Box<[u8]> },
    Ed25519([u8; 32]),
}

/// The private half of a key. Zeroed on drop.
#[cfg_attr(not(feature = "asymmetric"), expect(dead_code, reason = "RSA does not sign in pure Rust"))]
pub(super) enum PrivateParts {
    Rsa(RsaPrivate),
    Ec { curve: Curve, d: Zeroizing<Vec<u8>> },
    Ed25519(Zeroizing<[u8; 32]>),
}

/// Everything that RSA needs to sign quickly.
#[cfg_attr(not(feature = "asymmetric"), expect(dead_code, reason = "RSA does not sign in pure Rust"))]
pub(super) struct RsaPrivate {
    pub(super) d: Zeroizing<Vec<u8>>,
    pub(super) p: Zeroizing<Vec<u8>>,
    pub(super) q: Zeroizing<Vec<u8>>,
    pub(super) dp: Zeroizing<Vec<u8>>,
    pub(super) dq: Zeroizing<Vec<u8>>,
    pub(super) qi: Zeroizing<Vec<u8>>,
}

/// One key as read: a public half, a private half, or both.
pub(super) struct Parts {
    pub(super) public: Option<PublicParts>,
    pub(super) private: Option<PrivateParts>,
}

impl PublicParts {
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: without_zeros(n).into(), e: without_zeros(e).into() }
    }

    /// Parses `0x04 x y`. Compressed points are not used for tokens.
    pub(super) fn of_point(curve: Curve, point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(curve.bytes())?;
        (y.len() == curve.bytes()).then(|| Self::Ec { curve, x: x.into(), y: y.into() })
    }

    pub(super) const fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve: Curve::P256, .. } => KeyKind::P256,
            Self::Ec { curve: Curve::P384, .. } => KeyKind::P384,
            Self::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// Refuses keys that are visibly weak. The implementations check whether a point is on its
    /// curve.
    pub(super) fn check(&self, algorithm: Algorithm) -> Result<(), KeyError> {
        refuse_other_kind(self.kind(), algorithm)?;
        match self {
            Self::Rsa { n, e } => check_rsa(n, e),
            Self::Ed25519(bytes) if is_of_small_order(bytes) => Err(KeyError::InvalidPoint { algorithm }),
            Self::Ec { .. } | Self::Ed25519(_) => Ok(()),
        }
    }

    /// The length of the signatures that this key verifies.
    pub(super) fn signature_bytes(&self) -> usize {
        match self {
            Self::Rsa { n, .. } => n.len(),
            Self::Ec { curve, .. } => 2 * curve.bytes(),
            Self::Ed25519(_) => 64,
        }
    }

    /// `0x04 x y`, for an elliptic-curve key.
    pub(super) fn point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ec { x, y, .. } => Some([&[4], &**x, &**y].concat()),
            _ => None,
        }
    }
}

impl PrivateParts {
    pub(super) const fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa(_) => KeyKind::Rsa,
            Self::Ec { curve: Curve::P256, .. } => KeyKind::P256,
            Self::Ec { curve: Curve::P384, .. } => KeyKind::P384,
            Self::Ed25519(_) => KeyKind::Ed25519,
        }
    }
}

pub(super) fn refuse_other_kind(found: KeyKind, algorithm: Algorithm) -> Result<(), KeyError> {
    if found == algorithm.key_kind() {
        Ok(())
    } else {
        Err(KeyError::WrongKind { algorithm, found: found.article() })
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let bits = bits(n);
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaSize { bits });
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    if !is_odd(e) || e == [1] || self::bits(e) > LONGEST_EXPONENT_BITS {
        return Err(KeyError::RsaExponent);
    }
    // A product of two large primes is odd.
    if is_odd(n) { Ok(()) } else { Err(KeyError::Inconsistent) }
}

/// The bit length of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Whether this is a point with which one signature can be valid for many messages: one of order 1,
/// 2, 4 or 8, in every encoding that implementations accept (the list of libsodium's
/// `ge25519_has_small_order`).
fn is_of_small_order(point: &[u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = point;
    let last = last & 0x7f;
    let is_filled_with = |byte: u8| middle.iter().all(|other| *other == byte);
    // 0 and 1; then p - 1, p and p + 1, where p = 2^255 - 19.
    let is_near_zero = *first <= 1 && is_filled_with(0) && last == 0;
    let is_near_p = (0xec..=0xee).contains(first) && is_filled_with(0xff) && last == 0x7f;
    let is_of_order_8 = ORDER_8.iter().any(|[other_first, other_middle @ .., other_last]| {
        first == other_first && middle == other_middle && last == *other_last
    });
    is_near_zero || is_near_p || is_of_order_8
}
