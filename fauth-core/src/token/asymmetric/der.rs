//! As much of DER (X.690) as keys are written in: `SubjectPublicKeyInfo` (RFC 5280), PKCS #8 (RFC
//! 5958), PKCS #1 (RFC 8017) and SEC 1 (RFC 5915).
//!
//! Strict: lengths and numbers in their shortest form, nothing behind the end. What a certificate
//! or an encrypted key is written in is not read at all.

use zeroize::Zeroizing;

use super::{
    super::key_error::KeyError,
    parts::{Curve, Parts, PrivateParts, PublicParts, RsaPrivate},
};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
/// `[1]` of PKCS #8: a public key as a bit string without a tag of its own.
const PUBLIC_KEY: u8 = 0x81;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// What people try, so that the refusal can name it.
const UNSUPPORTED: [(&[u8], &str); 7] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2b, 0x65, 0x6f], "X448"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
];

/// In which structure a key is written.
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
    /// By how it begins.
    pub(super) fn of(der: &[u8]) -> Result<Self, KeyError> {
        let mut outer = Reader(der).only(SEQUENCE)?;
        if outer.begins_with(SEQUENCE) {
            return Ok(Self::Spki);
        }
        outer.read(INTEGER)?;
        match outer.0.first() {
            Some(&SEQUENCE) => Ok(Self::Pkcs8),
            Some(&OCTET_STRING) => Ok(Self::Sec1),
            Some(&INTEGER) => {
                outer.read(INTEGER)?;
                Ok(if outer.0.is_empty() { Self::Pkcs1Public } else { Self::Pkcs1Private })
            }
            _ => Err(KeyError::MalformedDer),
        }
    }

    pub(super) fn read(self, der: &[u8]) -> Result<Parts, KeyError> {
        let mut outer = Reader(der).only(SEQUENCE)?;
        match self {
            Self::Spki => outer.spki(),
            Self::Pkcs8 => outer.pkcs8(),
            Self::Pkcs1Public => outer.pkcs1_public(),
            Self::Pkcs1Private => outer.pkcs1_private(),
            Self::Sec1 => outer.sec1(None),
        }
    }
}

/// What an `AlgorithmIdentifier` names.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Rsa,
    Ec(Curve),
    Ed25519,
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the one element that there is.
    fn only(mut self, tag: u8) -> Result<Self, KeyError> {
        let content = self.read(tag)?;
        self.end()?;
        Ok(content)
    }

    fn begins_with(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    fn end(&self) -> Result<(), KeyError> {
        if self.0.is_empty() { Ok(()) } else { Err(KeyError::MalformedDer) }
    }

    /// The content of the next element, which must have this tag.
    fn read(&mut self, tag: u8) -> Result<Self, KeyError> {
        let (content, rest) = split(self.0, tag).ok_or(KeyError::MalformedDer)?;
        self.0 = rest;
        Ok(Reader(content))
    }

    fn optional(&mut self, tag: u8) -> Result<Option<Self>, KeyError> {
        if self.begins_with(tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// A number that is not negative, without the zero in front of its highest bit.
    fn number(&mut self) -> Result<&'a [u8], KeyError> {
        match self.read(INTEGER)?.0 {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Ok(rest),
            [] | [0 | 0x80..=0xff, ..] => Err(KeyError::MalformedDer),
            number => Ok(number),
        }
    }

    fn secret_number(&mut self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.number().map(|number| Zeroizing::new(number.to_vec()))
    }

    fn version(&mut self, known: &[&[u8]]) -> Result<(), KeyError> {
        if known.contains(&self.number()?) { Ok(()) } else { Err(KeyError::MalformedDer) }
    }

    /// Whole bytes.
    fn bits(&mut self) -> Result<&'a [u8], KeyError> {
        self.read(BIT_STRING)?.0.strip_prefix(&[0]).ok_or(KeyError::MalformedDer)
    }

    fn kind(&mut self) -> Result<Kind, KeyError> {
        let mut algorithm = self.read(SEQUENCE)?;
        let id = algorithm.read(OBJECT_ID)?.0;
        let kind = match id {
            RSA => {
                algorithm.optional(NULL)?;
                Kind::Rsa
            }
            // Parameters that are written out, and not by name, end here: such curves may be
            // anything.
            EC => Kind::Ec(algorithm.curve()?),
            ED25519 => Kind::Ed25519,
            other => return Err(unsupported(other)),
        };
        algorithm.end()?;
        Ok(kind)
    }

    fn curve(&mut self) -> Result<Curve, KeyError> {
        match self.read(OBJECT_ID)?.0 {
            P256 => Ok(Curve::P256),
            P384 => Ok(Curve::P384),
            other => Err(unsupported(other)),
        }
    }

    fn spki(&mut self) -> Result<Parts, KeyError> {
        let kind = self.kind()?;
        let key = self.bits()?;
        self.end()?;
        match kind {
            Kind::Rsa => Reader(key).only(SEQUENCE)?.pkcs1_public(),
            Kind::Ec(curve) => Ok(public(point(curve, key)?)),
            Kind::Ed25519 => Ok(public(PublicParts::Ed25519(exactly_32(key)?))),
        }
    }

    fn pkcs8(&mut self) -> Result<Parts, KeyError> {
        self.version(&[&[], &[1]])?;
        let kind = self.kind()?;
        let mut key = self.read(OCTET_STRING)?;
        // Attributes, which say nothing about the key.
        self.optional(CONTEXT_0)?;
        let public = self.optional(PUBLIC_KEY)?;
        self.end()?;
        let public =
            public.map(|bits| bits.0.strip_prefix(&[0]).ok_or(KeyError::MalformedDer)).transpose()?;
        match kind {
            Kind::Rsa => key.only(SEQUENCE)?.pkcs1_private(),
            Kind::Ec(curve) => key.only(SEQUENCE)?.sec1(Some(curve)),
            Kind::Ed25519 => {
                let seed = key.read(OCTET_STRING)?.0;
                key.end()?;
                Ok(Parts {
                    public: public.map(exactly_32).transpose()?.map(PublicParts::Ed25519),
                    private: Some(PrivateParts::Ed25519(Zeroizing::new(exactly_32(seed)?))),
                })
            }
        }
    }

    fn pkcs1_public(&mut self) -> Result<Parts, KeyError> {
        let (n, e) = (self.number()?, self.number()?);
        self.end()?;
        Ok(public(PublicParts::rsa(n, e)))
    }

    fn pkcs1_private(&mut self) -> Result<Parts, KeyError> {
        // Version 1 has more than two primes.
        self.version(&[&[]])?;
        let (n, e) = (self.number()?, self.number()?);
        let private = RsaPrivate {
            d: self.secret_number()?,
            p: self.secret_number()?,
            q: self.secret_number()?,
            dp: self.secret_number()?,
            dq: self.secret_number()?,
            qi: self.secret_number()?,
        };
        self.end()?;
        Ok(Parts { public: Some(PublicParts::rsa(n, e)), private: Some(PrivateParts::Rsa(private)) })
    }

    /// The curve may be named outside, inside, or on both sides, and then it must be the same.
    fn sec1(&mut self, named: Option<Curve>) -> Result<Parts, KeyError> {
        self.version(&[&[1]])?;
        let secret = self.read(OCTET_STRING)?.0;
        let inside = self.optional(CONTEXT_0)?.map(|mut parameters| {
            let curve = parameters.curve()?;
            parameters.end()?;
            Ok::<_, KeyError>(curve)
        });
        let inside = inside.transpose()?;
        let public = self.optional(CONTEXT_1)?.map(|mut key| {
            let bits = key.bits()?;
            key.end()?;
            Ok::<_, KeyError>(bits)
        });
        let public = public.transpose()?;
        self.end()?;
        let curve = named.or(inside).ok_or(KeyError::MalformedDer)?;
        if inside.is_some_and(|inside| inside != curve) || secret.len() != curve.bytes() {
            return Err(KeyError::Inconsistent);
        }
        Ok(Parts {
            public: public.map(|bits| point(curve, bits)).transpose()?,
            private: Some(PrivateParts::Ec { curve, d: Zeroizing::new(secret.to_vec()) }),
        })
    }
}

fn split(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => {
            let ([length], rest) = rest.split_first_chunk::<1>()?;
            (usize::from(*length).checked_sub(0x80)? + 0x80, rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            (Some(length).filter(|length| *length >= 0x100)?, rest)
        }
        // Longer than any key that is accepted.
        _ => return None,
    };
    rest.split_at_checked(length)
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

fn unsupported(id: &[u8]) -> KeyError {
    let name = UNSUPPORTED.iter().find(|(other, _)| *other == id).map(|(_, name)| *name);
    KeyError::UnsupportedKind { name: name.unwrap_or("another kind").into() }
}
