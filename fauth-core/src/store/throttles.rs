//! Records of login attempts, as stored for a login throttle.
//!
//! A throttle store contains no rules. It keeps short byte records, and replaces a record only if
//! it is still the one that the caller has read. Each rule is therefore written once, in Rust, and
//! counts exactly on every backend: of any number of concurrent attempts, each one sees what those
//! before it have counted.

use std::fmt;

use async_trait::async_trait;

use super::{StoreError, StoreLocation};
use crate::clock::Timestamp;

/// The kind of a throttle record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ThrottleKind {
    /// The failures of an account. Each application has at most 2^18 of these records, however many
    /// names are tried: accounts may share one.
    Account,
    /// The failures of an address; at most 2^18 as well.
    Address,
    /// The addresses from which an account has logged in, together with those of accounts whose
    /// names differ only in spelling. Only a login creates such a record.
    Familiar,
}

/// The name under which a record is stored: a keyed hash that reveals neither whose record it is
/// nor of which application. No two records share a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThrottleKey {
    kind: ThrottleKind,
    bytes: [u8; 32],
}

impl ThrottleKey {
    /// Creates a key. Different kinds must have different bytes.
    #[must_use]
    pub const fn new(kind: ThrottleKind, bytes: [u8; 32]) -> Self {
        Self { kind, bytes }
    }

    /// The kind of the record, for backends that bound each kind separately.
    #[must_use]
    pub const fn kind(&self) -> ThrottleKind {
        self.kind
    }

    /// The bytes of the name.
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

/// A record to store: at most [`MAX_THROTTLE_RECORD_BYTES`], never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the store test suite constructs it, and backends destructure it"
)]
pub struct ThrottleRecord {
    /// The content of the record.
    pub bytes: Vec<u8>,
    /// The time from which the record is equivalent to none.
    pub kept_until: Timestamp,
}

/// The maximum length of a record, in bytes.
pub const MAX_THROTTLE_RECORD_BYTES: usize = 1024;

/// Keeps the records of a [login throttle](crate::throttle::LoginThrottle).
///
/// Each provider has an in-memory throttle store, which applies to one instance. `MemoryStore`,
/// `RedisStore`, `SqliteStore` and `PostgresStore` are throttle stores too. The backend passed to
/// [`store`](crate::AuthProviderBuilder::store) is used for the throttle as well, if its
/// [`SessionStore::throttles`](super::SessionStore::throttles) returns one.
///
/// # Security
/// [`replace_counter`](Self::replace_counter) must be one atomic step, also across machines: if two
/// callers replace the same record, one of them is told that it has changed. Otherwise an attacker
/// who tries passwords in parallel is counted only once.
#[async_trait]
pub trait ThrottleStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default, which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Returns the record with this name, if there is one. It may be past its time, which the
    /// caller checks.
    ///
    /// # Errors
    /// [`StoreError`] if the record cannot be read.
    async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the record `before` (`None`: no record) with `after`. If the current record is
    /// another one, returns `false` and changes nothing.
    ///
    /// A store with bounded memory may drop the records that are closest to their end to make room.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the record was replaced.
    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes a record and returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the record is removed.
    async fn remove_counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<bool, StoreError>;
}
