//! The DER structures of keys: `SubjectPublicKeyInfo` (RFC 5280), PKCS #8 (RFC 5958), PKCS #1 (RFC
//! 8017) and SEC 1 (RFC 5915).
//!
//! The crates of `RustCrypto` parse them strictly: lengths and numbers in their shortest form, and
//! no trailing data. This module decides which of them are keys that fauth accepts.

use pkcs1::{RsaPrivateKey, RsaPublicKey, UintRef};
use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfo, SubjectPublicKeyInfoRef,
    der::{
        Decode,
        asn1::{AnyRef, OctetStringRef},
    },
};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::{
    super::key_error::KeyError,
    parts::{Curve, Parts, PrivateParts, PublicParts, RsaPrivate, without_zeros},
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Kinds that users try, so that the error can name them.
const UNSUPPORTED: [(ObjectIdentifier, &str); 7] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
    (ObjectIdentifier::new_unwrap("1.3.101.110"), "X25519"),
    (ObjectIdentifier::new_unwrap("1.3.101.111"), "X448"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "RSASSA-PSS"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "DSA"),
];

/// The structure in which a key is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Structure {
    /// `PUBLIC KEY`.
    Spki,
    /// `PRIVATE KEY`.
    Pkcs8,
    /// `RSA PUBLIC KEY`.
    Pkcs1Public,
    /// `RSA PRIVATE KEY`.
    Pkcs1Private,
    /// `EC PRIVATE KEY`.
    Sec1,
}

impl Structure {
    /// Detects the structure. No two of them can be parsed from the same bytes.
    pub(super) fn of(der: &[u8]) -> Result<Self, KeyError> {
        if is::<SubjectPublicKeyInfoRef<'_>>(der) {
            Ok(Self::Spki)
        } else if is::<PrivateKeyInfo<'_>>(der) {
            Ok(Self::Pkcs8)
        } else if is::<RsaPublicKey<'_>>(der) {
            Ok(Self::Pkcs1Public)
        } else if is::<RsaPrivateKey<'_>>(der) {
            Ok(Self::Pkcs1Private)
        } else if is::<EcPrivateKey<'_>>(der) {
            Ok(Self::Sec1)
        } else {
            Err(KeyError::MalformedDer)
        }
    }

    pub(super) fn read(self, der: &[u8]) -> Result<Parts, KeyError> {
        match self {
            Self::Spki => spki(&decode(der)?),
            Self::Pkcs8 => pkcs8(&decode(der)?),
            Self::Pkcs1Public => Ok(pkcs1_public(&decode(der)?)),
            Self::Pkcs1Private => pkcs1_private(&decode(der)?),
            Self::Sec1 => sec1(&decode(der)?, None),
        }
    }
}

/// The kind of key that an `AlgorithmIdentifier` names.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Rsa,
    Ec(Curve),
    Ed25519,
}

impl Kind {
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, KeyError> {
        let parameters = algorithm.parameters;
        match algorithm.oid {
            RSA if parameters.is_none_or(AnyRef::is_null) => Ok(Self::Rsa),
            // Explicit curve parameters are refused here, because they can define any curve.
            EC => {
                let named = algorithm.parameters_oid().map_err(|_| KeyError::MalformedDer)?;
                curve(named).map(Self::Ec)
            }
            ED25519 if parameters.is_none() => Ok(Self::Ed25519),
            RSA | ED25519 => Err(KeyError::MalformedDer),
            other => Err(unsupported(other)),
        }
    }
}

fn spki(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Parts, KeyError> {
    let kind = Kind::of(&info.algorithm)?;
    let key = info.subject_public_key.as_bytes().ok_or(KeyError::MalformedDer)?;
    match kind {
        Kind::Rsa => Ok(pkcs1_public(&decode(key)?)),
        Kind::Ec(curve) => Ok(public(point(curve, key)?)),
        Kind::Ed25519 => Ok(public(PublicParts::Ed25519(exactly_32(key)?))),
    }
}

fn pkcs8(info: &PrivateKeyInfo<'_>) -> Result<Parts, KeyError> {
    match Kind::of(&info.algorithm)? {
        Kind::Rsa => pkcs1_private(&decode(info.private_key)?),
        Kind::Ec(curve) => sec1(&decode(info.private_key)?, Some(curve)),
        Kind::Ed25519 => {
            let seed: OctetStringRef<'_> = decode(info.private_key)?;
            Ok(Parts {
                public: info.public_key.map(exactly_32).transpose()?.map(PublicParts::Ed25519),
                private: Some(PrivateParts::Ed25519(Zeroizing::new(exactly_32(seed.as_bytes())?))),
            })
        }
    }
}

fn pkcs1_public(key: &RsaPublicKey<'_>) -> Parts {
    public(PublicParts::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes()))
}

fn pkcs1_private(key: &RsaPrivateKey<'_>) -> Result<Parts, KeyError> {
    // A key of more than two primes.
    if key.other_prime_infos.is_some() {
        return Err(KeyError::MalformedDer);
    }
    let number = |number: UintRef<'_>| Zeroizing::new(without_zeros(number.as_bytes()).to_vec());
    let private = RsaPrivate {
        d: number(key.private_exponent),
        p: number(key.prime1),
        q: number(key.prime2),
        dp: number(key.exponent1),
        dq: number(key.exponent2),
        qi: number(key.coefficient),
    };
    let Parts { public, .. } = pkcs1_public(&key.public_key());
    Ok(Parts { public, private: Some(PrivateParts::Rsa(private)) })
}

/// The curve may be named outside, inside, or on both sides; if on both, it must be the same.
fn sec1(key: &EcPrivateKey<'_>, named: Option<Curve>) -> Result<Parts, KeyError> {
    let inside = key.parameters.and_then(EcParameters::named_curve).map(curve).transpose()?;
    let curve = named.or(inside).ok_or(KeyError::MalformedDer)?;
    if inside.is_some_and(|inside| inside != curve) || key.private_key.len() != curve.bytes() {
        return Err(KeyError::Inconsistent);
    }
    Ok(Parts {
        public: key.public_key.map(|bytes| point(curve, bytes)).transpose()?,
        private: Some(PrivateParts::Ec { curve, d: Zeroizing::new(key.private_key.to_vec()) }),
    })
}

fn is<'a, T: Decode<'a>>(der: &'a [u8]) -> bool {
    T::from_der(der).is_ok()
}

/// Decodes all of the bytes.
fn decode<'a, T: Decode<'a>>(der: &'a [u8]) -> Result<T, KeyError> {
    T::from_der(der).map_err(|_| KeyError::MalformedDer)
}

fn curve(id: ObjectIdentifier) -> Result<Curve, KeyError> {
    match id {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        other => Err(unsupported(other)),
    }
}

const fn public(parts: PublicParts) -> Parts {
    Parts { public: Some(parts), private: None }
}

fn point(curve: Curve, bytes: &[u8]) -> Result<PublicParts, KeyError> {
    PublicParts::of_point(curve, bytes).ok_or(KeyError::MalformedDer)
}

fn exactly_32(bytes: &[u8]) -> Result<[u8; 32], KeyError> {
    bytes.try_into().map_err(|_| KeyError::Ed25519Length { actual: bytes.len() })
}

fn unsupported(id: ObjectIdentifier) -> KeyError {
    let name = UNSUPPORTED.iter().find(|(other, _)| *other == id).map(|(_, name)| *name);
    KeyError::UnsupportedKind { name: name.unwrap_or("another kind").into() }
}
