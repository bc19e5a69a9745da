//! The keys of the hashes that stores keep instead of secrets.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SecretHash;

/// The number of hash bytes in a key's id; enough to distinguish a handful of keys.
const ID_BYTES: usize = 8;

/// The keys for hashing secrets, the current one first. Without one of them, write access to a
/// store is not enough to create a hash that is accepted.
pub(crate) struct HashKeys(Vec<HashKey>);

/// A single key, for one application.
#[derive(Clone)]
pub(crate) struct HashKey {
    id: Box<str>,
    mac: Hmac<Sha256>,
}

impl HashKeys {
    /// Takes derived keys, the current one first.
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<String>>) -> Self {
        Self(keys.filter_map(|key| HashKey::new(key.as_bytes())).collect())
    }

    /// The key for new hashes.
    pub(crate) fn current(&self) -> Option<&HashKey> {
        self.0.first()
    }

    /// Finds the key that a record names.
    pub(crate) fn find(&self, id: &str) -> Option<&HashKey> {
        self.0.iter().find(|key| *key.id == *id)
    }

    /// All keys, the current one first.
    pub(crate) fn all(&self) -> &[HashKey] {
        &self.0
    }
}

impl HashKey {
    /// Never `None` in practice: HMAC accepts keys of any length.
    fn new(key: &[u8]) -> Option<Self> {
        let mut key = Self { id: "".into(), mac: Hmac::new_from_slice(key).ok()? };
        // Derived from the key, so that keys need no configured name and no two of them share one.
        let digest = key.hash("id of the key", &[]);
        let start = digest.as_bytes().get(..ID_BYTES).unwrap_or_default();
        key.id = URL_SAFE_NO_PAD.encode(start).into_boxed_str();
        Some(key)
    }

    /// The id by which a record names the key of its hash.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Hashes these parts for one kind of record.
    pub(crate) fn hash(&self, kind: &str, parts: &[&[u8]]) -> SecretHash {
        let mut mac = self.mac.clone();
        // Each part is preceded by its length, so that different lists never produce the same
        // bytes.
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        SecretHash::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for HashKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(HashKey::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> HashKeys {
        HashKeys::new(texts.iter().map(|text| Zeroizing::new((*text).to_owned())))
    }

    #[test]
    fn a_key_is_found_by_its_id_whatever_its_place() {
        let (before, after) = (keys(&["old"]), keys(&["new", "old"]));
        let id = before.current().unwrap().id();
        assert_eq!(id.len(), 11);
        let old = after.find(id).unwrap();
        assert_eq!(old.hash("x", &[b"y"]), before.current().unwrap().hash("x", &[b"y"]));
        assert_ne!(after.current().unwrap().id(), id);
        assert!(keys(&["new"]).find(id).is_none());
    }

    #[test]
    fn no_two_lists_have_the_same_hash() {
        let keys = keys(&["a key", "another"]);
        let [key, another] = keys.all() else { panic!("two keys") };
        let hash = key.hash("kind", &[b"a", b"bc"]);
        assert_eq!(hash, key.hash("kind", &[b"a", b"bc"]));
        for other in [
            another.hash("kind", &[b"a", b"bc"]),
            key.hash("kinda", &[b"bc"]),
            key.hash("kind", &[b"ab", b"c"]),
            key.hash("kind", &[b"abc"]),
            key.hash("kind", &[b"a", b"bc", b""]),
            key.hash("other", &[b"a", b"bc"]),
        ] {
            assert_ne!(hash, other);
        }
    }
}
