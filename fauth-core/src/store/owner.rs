//! The owner of an entry in a store.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// The number of buckets into which owners are hashed. It never changes, because the keys of stores
/// depend on it.
pub const OWNER_BUCKETS: u16 = 1024;

/// The owner of a session, a revocation, a one-time token or an API key: one subject of one
/// application.
///
/// A store keeps the three parts apart, or encodes them so that no two owners share a name. An
/// owner's entries are never found, counted, listed or ended under the name of another owner, even
/// if some of the parts are equal.
///
/// ```
/// use fauth_core::store::Owner;
///
/// let owner = Owner::new("shop", "", "alice");
/// assert_ne!(owner, Owner::new("staff", "", "alice"));
/// assert!(owner.bucket() < fauth_core::store::OWNER_BUCKETS);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct Owner<'a> {
    /// The application's name. Applications that use the same store share no entries in it.
    pub application: Cow<'a, str>,
    /// The issuer of the subject: empty for the application's own tokens, otherwise the `iss` of a
    /// remote issuer.
    pub issuer: Cow<'a, str>,
    /// The subject, the `sub` of its tokens; 1 to 255 bytes.
    pub subject: Cow<'a, str>,
}

impl<'a> Owner<'a> {
    /// Creates an owner from its three parts.
    #[must_use]
    pub fn new(
        application: impl Into<Cow<'a, str>>,
        issuer: impl Into<Cow<'a, str>>,
        subject: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self { application: application.into(), issuer: issuer.into(), subject: subject.into() }
    }

    /// The same owner, borrowed.
    #[must_use]
    pub fn as_borrowed(&self) -> Owner<'_> {
        Owner::new(&*self.application, &*self.issuer, &*self.subject)
    }

    /// The same owner, with its own copy of every part.
    #[must_use]
    pub fn into_owned(self) -> Owner<'static> {
        Owner {
            application: Cow::Owned(self.application.into_owned()),
            issuer: Cow::Owned(self.issuer.into_owned()),
            subject: Cow::Owned(self.subject.into_owned()),
        }
    }

    /// The owner's bucket, below [`OWNER_BUCKETS`]. Backends use it to distribute owners, for
    /// example as the hash tag of a Redis Cluster key. It depends on the name alone, so every
    /// instance computes the same bucket.
    #[must_use]
    pub fn bucket(&self) -> u16 {
        let [first, second, ..] = self.digest();
        u16::from_be_bytes([first, second]) % OWNER_BUCKETS
    }

    /// SHA-256 of the name, for backends with short keys. Different owners have different digests.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.application, &self.issuer, &self.subject] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_owners_share_a_digest() {
        let owners = [
            Owner::new("a", "", "b"),
            Owner::new("a", "b", ""),
            Owner::new("", "a", "b"),
            Owner::new("ab", "", ""),
            Owner::new("", "", "ab"),
            Owner::new("a", "", "bc"),
            Owner::new("ab", "", "c"),
        ];
        let digests: std::collections::HashSet<_> = owners.iter().map(Owner::digest).collect();
        assert_eq!(digests.len(), owners.len());
    }

    /// Keys of stores and ids of API keys depend on it: it must never change.
    #[test]
    fn the_bucket_of_a_name_is_fixed() {
        let buckets = ["alice", "bob", "carol"].map(|subject| Owner::new("default", "", subject).bucket());
        assert_eq!(buckets, [897, 154, 316]);
        assert_eq!(Owner::new("default", "", "alice").into_owned().bucket(), buckets[0]);
    }

    #[test]
    fn buckets_are_evenly_filled() {
        let mut filled = vec![0_u32; usize::from(OWNER_BUCKETS)];
        for number in 0..50_000 {
            filled[usize::from(Owner::new("default", "", number.to_string()).bucket())] += 1;
        }
        assert!(filled.iter().all(|count| (15..100).contains(count)));
    }
}
