//! The members of a JWK (RFC 7517) that determine what a key is and what it is for.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
#[cfg(feature = "trusted-issuers")]
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    json::{Limits, scan_object},
    key_error::KeyError,
};

/// For one key. A certificate chain is an array of texts, and not nested deeply.
const LIMITS: Limits = Limits { depth: 4, members: 64 };

#[derive(Deserialize)]
#[cfg_attr(
    not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")),
    allow(dead_code, reason = "members of keys that need a feature")
)]
pub(super) struct Jwk<'a> {
    #[serde(borrow)]
    pub(super) kty: Cow<'a, str>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key_ops: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) kid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) crv: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) y: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) n: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) k: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) d: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) p: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) q: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) dp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) dq: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) qi: Option<Cow<'a, str>>,
    /// Further primes beyond two.
    pub(super) oth: Option<IgnoredAny>,
}

impl<'a> Jwk<'a> {
    /// Parses a JWK. A duplicate member is refused, as in tokens.
    pub(super) fn parse(json: &'a str) -> Result<Self, KeyError> {
        scan_object(json, LIMITS, |_, _| {}).map_err(|_| KeyError::Malformed)?;
        serde_json::from_str(json).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn is_secret(&self) -> bool {
        self.kty == "oct"
    }

    /// Checks `use` and `key_ops`: a private key must be for signing, all others for verification.
    pub(super) fn refuse_other_use(&self) -> Result<(), KeyError> {
        let needed = if self.d.is_some() { "sign" } else { "verify" };
        let for_signatures = self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|named| named == needed));
        if for_signatures { Ok(()) } else { Err(KeyError::NotForSignatures) }
    }

    pub(super) fn refuse_other_algorithm(&self, algorithm: Algorithm) -> Result<(), KeyError> {
        match &self.alg {
            Some(named) if named != algorithm.as_str() => {
                Err(KeyError::OtherAlgorithm { algorithm, named: named.chars().take(32).collect() })
            }
            _ => Ok(()),
        }
    }

    /// The value of `alg`.
    #[cfg(feature = "trusted-issuers")]
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.alg.as_deref()
    }
}

/// The private members of a key, read even if the rest is malformed.
#[cfg(feature = "trusted-issuers")]
#[derive(Deserialize)]
struct Private<'a> {
    #[serde(borrow)]
    kty: Option<&'a RawValue>,
    k: Option<IgnoredAny>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

#[cfg(feature = "trusted-issuers")]
impl Private<'_> {
    fn is_secret(&self) -> bool {
        let named = self.kty.map(|kty| serde_json::from_str::<Cow<'_, str>>(kty.get()));
        named.is_some_and(|named| named.is_ok_and(|named| named == "oct"))
    }

    const fn has_members(&self) -> bool {
        self.k.is_some()
            || self.d.is_some()
            || self.p.is_some()
            || self.q.is_some()
            || self.dp.is_some()
            || self.dq.is_some()
            || self.qi.is_some()
            || self.oth.is_some()
    }
}

/// Checks a key of a set that was scanned already, even one that [`Jwk::parse`] cannot read.
///
/// # Errors
/// [`KeyError::NotPublic`] if the key is a secret or has private members; [`KeyError::Malformed`]
/// if it is not an object.
#[cfg(feature = "trusted-issuers")]
pub(super) fn refuse_private(json: &str) -> Result<(), KeyError> {
    // An array would be deserialised as the members in order.
    if !json.trim_start().starts_with('{') {
        return Err(KeyError::Malformed);
    }
    let private: Private<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
    if private.is_secret() || private.has_members() { Err(KeyError::NotPublic) } else { Ok(()) }
}

/// The bytes of a required member.
pub(super) fn bytes(member: Option<&Cow<'_, str>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = member.ok_or(KeyError::Malformed)?;
    URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError::Malformed)
}
