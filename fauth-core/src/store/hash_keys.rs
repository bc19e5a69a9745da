//! The keys of the hashes that stores keep in place of secrets.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SecretHash;

/// Of the hash that an id is made from; enough to tell a handful of keys apart.
const ID_BYTES: usize = 8;

/// The keys under which hashes of secrets are kept, the current one first. Whoever can write to a
/// store and has none of them can make no hash that is accepted.
pub(crate) struct HashKeys(Vec<HashKey>);

/// One of them, of one application.
#[derive(Clone)]
pub(crate) struct HashKey {
    id: Box<str>,
    mac: Hmac<Sha256>,
}

impl HashKeys {
    /// Takes derived keys, of which the first is the current one.
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<String>>) -> Self {
        Self(keys.filter_map(|key| HashKey::new(key.as_bytes())).collect())
    }

    /// The key of new hashes.
    pub(crate) fn current(&self) -> Option<&HashKey> {
        self.0.first()
    }

    /// The key that a record names.
    pub(crate) fn find(&self, id: &str) -> Option<&HashKey> {
        self.0.iter().find(|key| *key.id == *id)
    }

    /// Every key, the current one first.
    pub(crate) fn all(&self) -> &[HashKey] {
        &self.0
    }
}

impl HashKey {
    /// HMAC takes keys of every length, so that there always is one.
    fn new(key: &[u8]) -> Option<Self> {
        let mut key = Self { id: "".into(), mac: Hmac::new_from_slice(key).ok()? };
        // It follows from the key, so that nobody has to name keys, and no two have one name.
        let digest = key.hash("id of the key", &[]);
        let start = digest.as_bytes().get(..ID_BYTES).unwrap_or_default();
        key.id = URL_SAFE_NO_PAD.encode(start).into_boxed_str();
        Some(key)
    }

    /// What a record says of the key of its hash.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The hash of these parts, for one kind of record.
    pub(crate) fn hash(&self, kind: &str, parts: &[&[u8]]) -> SecretHash {
        let mut mac = self.mac.clone();
        // The length goes before each part, so that no two lists are the same bytes.
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
