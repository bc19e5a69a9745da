//! Keys with a private half that signs and a public half that verifies.
//!
//! [`parts`](self::parts) are the numbers of a key, independent of its encoding and checked once.
//! An implementation turns them into a prepared key; if both are enabled, aws-lc-rs is used.

#[cfg(feature = "asymmetric")]
mod aws_lc;
mod der;
mod parts;
mod pem;
#[cfg(feature = "asymmetric-pure-rust")]
#[cfg_attr(feature = "asymmetric", allow(dead_code, reason = "the tests compare the two"))]
mod pure;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

#[cfg(feature = "asymmetric")]
use self::aws_lc as implementation;
#[cfg(not(feature = "asymmetric"))]
use self::pure as implementation;
use self::{
    der::Structure,
    parts::{Curve, Parts, PrivateParts, PublicParts, RsaPrivate, refuse_other_kind, without_zeros},
};
use super::{
    algorithm::Algorithm,
    json_object::JsonObject,
    jwk::{self, Jwk},
    key_error::KeyError,
};

/// A public key ready to verify, with its private half if there is one.
pub(super) struct Pair {
    public: PublicParts,
    verifying: implementation::Verifying,
    signing: Option<implementation::Signing>,
}

impl Pair {
    pub(super) fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let (structure, der) = pem::decode(pem)?;
        Self::new(algorithm, structure.read(&der)?)
    }

    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        Self::new(algorithm, Structure::of(der)?.read(der)?)
    }

    pub(super) fn from_jwk(algorithm: Algorithm, jwk: &Jwk<'_>) -> Result<Self, KeyError> {
        Self::new(algorithm, parts_of(jwk)?)
    }

    fn new(algorithm: Algorithm, parts: Parts) -> Result<Self, KeyError> {
        // Checked before any computation.
        if let Some(private) = &parts.private {
            refuse_other_kind(private.kind(), algorithm)?;
        }
        if let Some(public) = &parts.public {
            public.check(algorithm)?;
        }
        let (signing, public) = match (parts.private, parts.public) {
            (None, None) => return Err(KeyError::Malformed),
            (None, Some(public)) => (None, public),
            (Some(private), public) => {
                let (signing, public) = implementation::Signing::new(algorithm, public, &private)?;
                (Some(signing), public)
            }
        };
        let verifying = implementation::Verifying::new(algorithm, &public)?;
        Ok(Self { public, verifying, signing })
    }

    pub(super) const fn can_sign(&self) -> bool {
        self.signing.is_some()
    }

    pub(super) fn signature_bytes(&self) -> usize {
        self.public.signature_bytes()
    }

    /// A signature with a length other than this key's is wrong.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.signature_bytes() && self.verifying.verifies(message, signature)
    }

    /// Returns `None` if the key cannot sign here, or there is no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.signing.as_ref()?.sign(message)
    }

    /// The public members as JSON ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517#section-4)).
    pub(super) fn public_jwk(&self, algorithm: Algorithm, id: Option<&str>) -> String {
        let mut json = JsonObject::with_capacity(256);
        self.write_members(&mut json);
        json.text("use", "sig");
        json.text("alg", algorithm.as_str());
        if let Some(id) = id {
            json.text("kid", id);
        }
        json.finish()
    }

    /// The thumbprint of RFC 7638, and RFC 8037 section 2 for Ed25519.
    pub(super) fn thumbprint(&self) -> String {
        let mut json = JsonObject::with_capacity(256);
        self.write_members(&mut json);
        URL_SAFE_NO_PAD.encode(Sha256::digest(json.finish()))
    }

    /// Writes the members in alphabetical order, as thumbprints require.
    fn write_members(&self, json: &mut JsonObject) {
        match &self.public {
            PublicParts::Rsa { n, e } => {
                json.base64url("e", e);
                json.text("kty", "RSA");
                json.base64url("n", n);
            }
            PublicParts::Ec { curve, x, y } => {
                json.text("crv", curve.as_str());
                json.text("kty", "EC");
                json.base64url("x", x);
                json.base64url("y", y);
            }
            PublicParts::Ed25519(x) => {
                json.text("crv", "Ed25519");
                json.text("kty", "OKP");
                json.base64url("x", x);
            }
        }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("can_sign", &self.can_sign()).finish_non_exhaustive()
    }
}

fn parts_of(jwk: &Jwk<'_>) -> Result<Parts, KeyError> {
    let unsupported = |name: &str| {
        let name: String = name.chars().take(32).collect();
        Err(KeyError::UnsupportedKind { name: name.into() })
    };
    match (&*jwk.kty, jwk.crv.as_deref()) {
        ("RSA", _) => rsa_parts(jwk),
        ("EC", Some("P-256")) => ec_parts(jwk, Curve::P256),
        ("EC", Some("P-384")) => ec_parts(jwk, Curve::P384),
        ("OKP", Some("Ed25519")) => ed25519_parts(jwk),
        ("EC" | "OKP", Some(curve)) => unsupported(curve),
        ("EC" | "OKP", None) => Err(KeyError::Malformed),
        (other, _) => unsupported(other),
    }
}

fn rsa_parts(jwk: &Jwk<'_>) -> Result<Parts, KeyError> {
    let public = PublicParts::rsa(&jwk::bytes(jwk.n.as_ref())?, &jwk::bytes(jwk.e.as_ref())?);
    if jwk.d.is_none() {
        return Ok(Parts { public: Some(public), private: None });
    }
    if jwk.oth.is_some() {
        return Err(KeyError::UnsupportedKind { name: "RSA with more than two primes".into() });
    }
    let number = |member: &Option<_>| {
        // RFC 7518 allows `d` alone, which would require factoring.
        let member = member.as_ref().ok_or(KeyError::IncompletePrivateKey)?;
        jwk::bytes(Some(member)).map(|bytes| without_zeros(&bytes).to_vec().into())
    };
    let private = RsaPrivate {
        d: number(&jwk.d)?,
        p: number(&jwk.p)?,
        q: number(&jwk.q)?,
        dp: number(&jwk.dp)?,
        dq: number(&jwk.dq)?,
        qi: number(&jwk.qi)?,
    };
    Ok(Parts { public: Some(public), private: Some(PrivateParts::Rsa(private)) })
}

fn ec_parts(jwk: &Jwk<'_>, curve: Curve) -> Result<Parts, KeyError> {
    let (x, y) = (jwk::bytes(jwk.x.as_ref())?, jwk::bytes(jwk.y.as_ref())?);
    if x.len() != curve.bytes() || y.len() != curve.bytes() {
        return Err(KeyError::EcLength { curve: curve.as_str(), expected: curve.bytes() });
    }
    let private = jwk.d.as_ref().map(|d| {
        let d = jwk::bytes(Some(d))?;
        if d.len() == curve.bytes() {
            Ok(PrivateParts::Ec { curve, d })
        } else {
            Err(KeyError::EcLength { curve: curve.as_str(), expected: curve.bytes() })
        }
    });
    let public = PublicParts::Ec { curve, x: x.as_slice().into(), y: y.as_slice().into() };
    Ok(Parts { public: Some(public), private: private.transpose()? })
}

fn ed25519_parts(jwk: &Jwk<'_>) -> Result<Parts, KeyError> {
    let exactly_32 = |bytes: &[u8]| -> Result<[u8; 32], KeyError> {
        bytes.try_into().map_err(|_| KeyError::Ed25519Length { actual: bytes.len() })
    };
    let x = exactly_32(&jwk::bytes(jwk.x.as_ref())?)?;
    let private = jwk.d.as_ref().map(|d| {
        let d = jwk::bytes(Some(d))?;
        Ok::<_, KeyError>(PrivateParts::Ed25519(exactly_32(&d)?.into()))
    });
    Ok(Parts { public: Some(PublicParts::Ed25519(x)), private: private.transpose()? })
}
