//! Revocation: what was taken back before it expired.

use std::{borrow::Cow, fmt, future::Future};

use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use super::StoreError;
use crate::clock::Timestamp;

/// The longest text that is kept as it is, in bytes.
const MAX_PLAIN_KEY: usize = 300;

/// What can be revoked: everything that a token hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationTarget<'a> {
    /// One token, by its `jti`.
    TokenId(&'a str),
    /// One session, by its `sid`: its access and refresh tokens.
    Session(&'a str),
    /// Everything of one subject, also what will be issued meanwhile. To end only what was issued so far, raise the subject's
    /// [epoch](RevocationStore::raise_epoch).
    Subject(&'a str),
    /// Every token with a custom claim of this value: a device, a tenant, a delegation.
    Claim {
        /// The name of the claim.
        name: &'a str,
        /// Its value, a string.
        value: &'a str,
    },
}

impl RevocationTarget<'_> {
    /// The name under which a backend can keep it: different for different targets, at most 300 bytes.
    #[must_use]
    pub fn key(&self) -> Cow<'static, str> {
        let mut key = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_plain(&mut key);
        if key.len() <= MAX_PLAIN_KEY { key.into() } else { hashed(&key).into() }
    }

    /// Looks at the [key](Self::key) without putting it on the heap.
    #[cfg(feature = "redis")]
    pub(crate) fn with_key<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut key = OnStack::default();
        match self.write_plain(&mut key) {
            Ok(()) => look(&key.0),
            Err(fmt::Error) => look(self.key().as_bytes()),
        }
    }

    fn write_plain(&self, key: &mut impl fmt::Write) -> fmt::Result {
        let (kind, name) = match self {
            Self::TokenId(id) => ("jti:", id),
            Self::Session(id) => ("sid:", id),
            Self::Subject(subject) => ("sub:", subject),
            // The length keeps `a` with `b:c` and `a:b` with `c` apart.
            Self::Claim { name, value } => return write!(key, "claim:{}:{name}:{value}", name.len()),
        };
        key.write_str(kind)?;
        key.write_str(name)
    }
}

/// Takes what fits a plain key, and fails for more.
#[cfg(feature = "redis")]
#[derive(Default)]
struct OnStack(SmallVec<[u8; 0x200]>);

#[cfg(feature = "redis")]
impl fmt::Write for OnStack {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_PLAIN_KEY {
            return Err(fmt::Error);
        }
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// None of the plain keys begins like this.
fn hashed(key: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(key.as_bytes()).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a revocation store must know of a token to judge it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store suite of other crates makes them")]
pub struct TokenFacts<'a> {
    /// What the token hangs on; its subject is among them.
    pub targets: SmallVec<[RevocationTarget<'a>; 4]>,
    /// Its subject, for the epoch.
    pub subject: &'a str,
    /// The subject's epoch when the token was issued, as the token says.
    pub epoch: u64,
    /// When the token was issued.
    pub issued_at: Timestamp,
}

/// What a revocation store says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new verdict must be handled everywhere")]
pub enum Verdict {
    /// Nothing speaks against it.
    Good,
    /// One of its targets is revoked.
    Revoked,
    /// It is of an earlier epoch of its subject.
    OldEpoch,
    /// It was issued before the store began to remember: whether it was revoked is not known, and never will be.
    BeforeMemory,
}

/// Keeps what was revoked.
///
/// # Security
/// - An entry stays until its time has come, whatever the memory it takes: a bounded store that is full refuses new entries and forgets none.
/// - What a store has lost (it was restarted empty) it must not judge. It remembers since when it remembers, and a token that was issued before
///   is [`BeforeMemory`](Verdict::BeforeMemory).
/// - A store that answers from a copy knows how old the copy is, and fails where it is older than was allowed.
pub trait RevocationStore: Send + Sync + 'static {
    /// Revokes all of these until `until` at least; one that is revoked already never ends earlier than before. All in one trip.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all are revoked.
    fn revoke(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Judges a token by all its targets and its epoch, in one trip at most. One that is revoked and of an old epoch is
    /// [`Revoked`](Verdict::Revoked).
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be judged.
    fn check(
        &self,
        token: &TokenFacts<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Verdict, StoreError>> + Send;

    /// The epoch of a subject, which new tokens are to carry; 0 if it was never raised, or forgotten after its time. Never from a copy.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn epoch(&self, subject: &str, now: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Raises the epoch of a subject, so that everything issued with an earlier one is refused, and returns the new one. It is to be
    /// remembered until `until`, which lies after the end of everything that was issued so far.
    ///
    /// The new epoch is one more than the old one, but at least the milliseconds since 1970 of `now`. So two raises within one second differ, and one after an entry was
    /// forgotten is still higher than every epoch that a token may carry.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was raised.
    fn raise_epoch(
        &self,
        subject: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_anchors_have_different_keys() {
        let long = "x".repeat(300);
        let targets = [
            RevocationTarget::TokenId("a"),
            RevocationTarget::Session("a"),
            RevocationTarget::Subject("a"),
            RevocationTarget::Claim { name: "a", value: "b:c" },
            RevocationTarget::Claim { name: "a:b", value: "c" },
            RevocationTarget::Subject(&long),
            RevocationTarget::Session(&long),
        ];
        #[cfg(feature = "redis")]
        for target in &targets {
            assert!(target.with_key(|key| key == target.key().as_bytes()), "{target:?}");
        }
        let keys: std::collections::HashSet<_> = targets.iter().map(RevocationTarget::key).collect();
        assert_eq!(keys.len(), targets.len());
        assert!(keys.iter().all(|key| key.len() <= MAX_PLAIN_KEY));
    }

    #[test]
    fn the_longest_plain_key_is_kept_and_one_more_is_hashed() {
        let fits = "x".repeat(MAX_PLAIN_KEY - 4);
        assert_eq!(RevocationTarget::Session(&fits).key(), format!("sid:{fits}"));
        assert!(RevocationTarget::Session(&format!("{fits}x")).key().starts_with("sha256:"));
    }
}
