//! Sets of keys that only verify: what an issuer publishes (RFC 7517 section 5).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    algorithm::Algorithm,
    json::{Limits, scan_object},
    key_error::KeyError,
    keys::Key,
};

/// The most keys of a set. Whoever publishes more is not believed.
pub(crate) const MAX_KEYS: usize = 100;
/// Of the whole document: a key has some ten members, and those of a certificate chain.
const SET_LIMITS: Limits = Limits { depth: 8, members: 4096 };

/// The public keys of one issuer. Immutable; a newer set replaces an older one as a whole.
#[derive(Debug, Clone)]
pub(crate) struct PublicKeys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl PublicKeys {
    /// Reads a JWK Set. A key of an unsupported type or for another use is skipped. Where `alg` is
    /// absent, the key is for the first of `allowed` that fits its type.
    ///
    /// # Errors
    /// For the whole set: it is no JWK Set, has more than [`MAX_KEYS`] keys, a symmetric key, a
    /// private member, two keys of one id, or no key that can be used.
    pub(crate) fn from_jwks(json: &str, allowed: &[Algorithm]) -> Result<Self, KeyError> {
        scan_object(json, SET_LIMITS, |_, _| {}).map_err(|_| KeyError::Malformed)?;
        let document: Document<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys { maximum: MAX_KEYS });
        }
        let mut keys = Vec::new();
        for jwk in document.keys {
            keys.extend(Key::published(jwk.get(), allowed)?);
        }
        Self::from_keys(keys)
    }

    /// # Errors
    /// There is no key, one that is a secret or can sign, or two have the same id.
    pub(crate) fn from_keys(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::NoUsableKey);
        }
        if keys.iter().any(|key| key.algorithm().is_symmetric() || key.can_sign()) {
            return Err(KeyError::NotPublic);
        }
        let mut ids: Vec<_> = keys.iter().filter_map(Key::id).collect();
        let named = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < named {
            return Err(KeyError::DuplicateId);
        }
        Ok(Self { keys })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of this id; without one the only key there is. No key is ever tried on suspicion.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(_), keys) => keys.iter().find(|key| key.id() == id),
        }
    }
}
