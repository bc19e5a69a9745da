//! Records of attempts to log in: what a login throttle is kept in.
//!
//! A store knows nothing of the rules. It keeps short records of bytes, and replaces one only if it
//! still is what the caller has read. So each rule is written once, in Rust, and counts exactly on
//! every backend: of any number of attempts at once, each sees what those before it have counted.

use std::fmt;

use async_trait::async_trait;

use super::{StoreError, StoreLocation};
use crate::clock::Timestamp;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ThrottleKind {
    /// The failures of an account. There are 2^18 of them for each application, however many
    /// names are tried: accounts may share one.
    Account,
    /// The failures of an address; 2^18 too.
    Address,
    /// The addresses from which an account has logged in, with those of accounts whose names differ
    /// in spelling only. Only a login makes one.
    Familiar,
}

/// Under which name a record is kept. It is made by a keyed hash, and says neither whose record
/// it is nor of which application. No two records share a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThrottleKey {
    kind: ThrottleKind,
    bytes: [u8; 32],
}

impl ThrottleKey {
    /// A name. Different kinds must have different bytes.
    #[must_use]
    pub const fn new(kind: ThrottleKind, bytes: [u8; 32]) -> Self {
        Self { kind, bytes }
    }

    /// What the record is about, for backends that bound each kind by itself.
    #[must_use]
    pub const fn kind(&self) -> ThrottleKind {
        self.kind
    }

    /// The name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for ThrottleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThrottleKey({:?}, ..)", self.kind)
    }
}

/// A record to be kept: at most [`MAX_THROTTLE_RECORD_BYTES`], never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the suite makes it, and backends take it apart")]
pub struct ThrottleRecord {
    /// What is kept.
    pub bytes: Vec<u8>,
    /// From then on it is worth no more than none.
    pub kept_until: Timestamp,
}

/// The longest record.
pub const MAX_THROTTLE_RECORD_BYTES: usize = 1024;

/// Keeps the records of a [login throttle](crate::throttle::LoginThrottle).
///
/// Each provider has one in memory, which holds for one instance. `MemoryStore`, `RedisStore`,
/// `SqliteStore` and `PostgresStore` are some too, and what
/// [`store`](crate::AuthProviderBuilder::store) gets is used for this as well, if it says so by
/// [`SessionStore::throttles`](super::SessionStore::throttles).
///
/// # Security
/// [`replace_counter`](Self::replace_counter) is one atomic step, also between machines: if two
/// callers replace the same record, one of them is told that it has changed. Otherwise whoever
/// tries passwords in parallel is counted once.
#[async_trait]
pub trait ThrottleStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown), which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// The record of this name, if there is one. It may be past its time: the caller looks.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts `after` in the place of `before` (`None`: of nothing). `false`, and nothing has
    /// happened, if the record is another one by now.
    ///
    /// A store with bounded memory may drop records that are nearest to their end to make room.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was replaced.
    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Drops a record, and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it is gone.
    async fn remove_counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<bool, StoreError>;
}
