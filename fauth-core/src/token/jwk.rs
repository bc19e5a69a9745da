//! The members of a JWK (RFC 7517) that decide what a key is and what it is for.

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

/// Of one key. A chain of certificates is an array of texts, and not deep.
const LIMITS: Limits = Limits { depth: 4, members: 64 };

#[derive(Deserialize)]
#[cfg_attr(
    not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")),
    allow(dead_code, reason = "members of keys that no feature has brought")
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
    /// More than two primes.
    pub(super) oth: Option<IgnoredAny>,
}

impl<'a> Jwk<'a> {
    /// A member that occurs twice is refused, as in tokens.
    pub(super) fn parse(json: &'a str) -> Result<Self, KeyError> {
        scan_object(json, LIMITS, |_, _| {}).map_err(|_| KeyError::Malformed)?;
        serde_json::from_str(json).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn is_secret(&self) -> bool {
        self.kty == "oct"
    }

    /// What `use` and `key_ops` say. A private key is there to sign, all others to verify.
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

    /// The algorithm that it names.
    #[cfg(feature = "trusted-issuers")]
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.alg.as_deref()
    }
}

/// What only the owner of a key may know, whatever the members are, and whatever else is wrong.
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

/// Of a key in a set that was scanned already. It need not be one that [`Jwk::parse`] reads.
///
/// # Errors
/// [`KeyError::NotPublic`] if it is a secret, or has members that only the owner may know;
/// [`KeyError::Malformed`] if it is no object.
#[cfg(feature = "trusted-issuers")]
pub(super) fn refuse_private(json: &str) -> Result<(), KeyError> {
    // An array would be read as the members in their order.
    if !json.trim_start().starts_with('{') {
        return Err(KeyError::Malformed);
    }
    let private: Private<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
    if private.is_secret() || private.has_members() { Err(KeyError::NotPublic) } else { Ok(()) }
}

/// The bytes of a member that must be there.
pub(super) fn bytes(member: Option<&Cow<'_, str>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = member.ok_or(KeyError::Malformed)?;
    URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError::Malformed)
}
