//! The memory store: all four storage traits in the memory of one process.
//!
//! `table.rs` holds sessions, one-time tokens and API keys, `entries.rs` revocations and epochs
//! (`shares.rs` counts them by owner). Both are split into shards (`shards.rs`), each behind its
//! own lock, and follow the limits in `bounds.rs`. The other modules implement the traits, or the
//! rows that the tables hold. `limits.rs` (rate-limit counters), `throttle_table.rs` (login
//! throttle) and `anchors.rs` (mandates) are separate stores.

#[cfg(feature = "mandates")]
mod anchors;
mod api_keys;
mod bounds;
mod entries;
mod limits;
mod one_times;
mod revocations;
mod rows;
mod sessions;
mod shards;
mod shares;
mod table;
mod throttle_table;
mod throttles;

use std::{fmt, sync::Arc};

#[cfg(feature = "mandates")]
pub use self::anchors::{MemoryAnchorStore, MemoryAnchorStoreBuilder};
use self::{
    entries::Entries,
    rows::{OneTimeKey, SessionKey, SessionRow},
    table::Table,
};
pub use self::{limits::MemoryLimits, throttle_table::MemoryThrottles};
use super::{ApiKeyId, ChangeSender, OneTimeRecord, StoredApiKey};
use crate::clock::{Clock, SystemClock, Timestamp};

/// The default maximum of sessions, revocations, one-time tokens and API keys each.
const DEFAULT_CAPACITY: usize = 1_000_000;

/// Sessions, revocations, one-time tokens and API keys in the memory of this process.
///
/// It needs no installation. It shares nothing with other instances and keeps nothing across a
/// restart, so use it for a service of one instance. Clones share their contents.
///
/// ```
/// use fauth_core::{AuthProvider, MemoryStore};
///
/// let auth = fauth_testing::provider().store(MemoryStore::new()).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bounds
/// The store holds up to one million sessions, revocations, one-time tokens and API keys each;
/// [`builder`](Self::builder) changes these limits. In addition, it holds 100 000 login-throttle
/// records of each kind (see [`MemoryThrottles`]). Entries are removed once they have been expired
/// for an hour, a few with each write. A store that is full of entries that must be kept refuses
/// further ones with a [`StoreError`](super::StoreError).
///
/// An ended session leaves a tombstone until the session would have expired. When the store is
/// full, tombstones are the only entries that may be removed early; the session then counts as
/// unknown. So nobody can fill the store by logging in and out.
///
/// Revocations by account holders may fill at most fifteen sixteenths of the room for revocations.
/// The rest is reserved for administrators, and for raised epochs, with which account holders can
/// log out when there is no other room.
///
/// # Security
/// A restart loses all revocations. The store therefore refuses every token issued before its
/// memory begins, and the users of those tokens log in again. The memory begins when the store is
/// built, by its [`clock`](MemoryStoreBuilder::clock), or at the time set with
/// [`remembers_since`](MemoryStoreBuilder::remembers_since). Times are whole seconds: a token that
/// was issued and revoked in the second of the restart, just before it, is not refused.
///
/// The memory also begins anew if the clock jumps back to before the expiry of a revocation that
/// was already deleted. So the store never accepts a token whose revocation it has lost.
///
/// The store relies on a correct clock at its start:
/// - It cannot detect a clock that starts in the past and is corrected later. It may then accept
///   tokens that were revoked before the restart.
/// - With a clock that starts ahead, it refuses every token until that time has come.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    sessions: Table<SessionKey, SessionRow>,
    revocations: Entries,
    changes: ChangeSender,
    one_times: Table<OneTimeKey, OneTimeRecord>,
    api_keys: Table<ApiKeyId, StoredApiKey>,
    throttles: MemoryThrottles,
}

impl MemoryStore {
    /// Creates an empty store with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts building an empty store with custom limits.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder {
            sessions: DEFAULT_CAPACITY,
            revocations: DEFAULT_CAPACITY,
            one_time_tokens: DEFAULT_CAPACITY,
            api_keys: DEFAULT_CAPACITY,
            clock: Arc::new(SystemClock),
            since: None,
        }
    }

    /// The number of entries in the store, including expired entries that are not yet removed.
    /// Shows how close the store is to its limits.
    #[must_use]
    pub fn sizes(&self) -> MemorySizes {
        MemorySizes {
            sessions: self.0.sessions.len(),
            revocations: self.0.revocations.len(),
            one_time_tokens: self.0.one_times.len(),
            api_keys: self.0.api_keys.len(),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryStore").field(&self.sizes()).finish()
    }
}

/// The number of entries of each kind in a [`MemoryStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySizes {
    /// Sessions, including the tombstones of ended ones.
    pub sessions: usize,
    /// Revoked targets and raised epochs.
    pub revocations: usize,
    /// One-time tokens.
    pub one_time_tokens: usize,
    /// API keys.
    pub api_keys: usize,
}

/// Builds a [`MemoryStore`] with custom limits; see its [bounds](MemoryStore#bounds).
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryStoreBuilder {
    sessions: usize,
    revocations: usize,
    one_time_tokens: usize,
    api_keys: usize,
    clock: Arc<dyn Clock>,
    since: Option<Timestamp>,
}

impl MemoryStoreBuilder {
    /// Sets the maximum number of sessions, tombstones included. Default: 1 000 000.
    pub fn sessions(mut self, most: usize) -> Self {
        self.sessions = most;
        self
    }

    /// Sets the maximum number of revoked targets and raised epochs together. Default: 1 000 000.
    pub fn revocations(mut self, most: usize) -> Self {
        self.revocations = most;
        self
    }

    /// Sets the maximum number of one-time tokens. Default: 1 000 000.
    pub fn one_time_tokens(mut self, most: usize) -> Self {
        self.one_time_tokens = most;
        self
    }

    /// Sets the maximum number of API keys. Default: 1 000 000.
    pub fn api_keys(mut self, most: usize) -> Self {
        self.api_keys = most;
        self
    }

    /// Sets the clock that determines when the store's memory begins. Default: [`SystemClock`]. Use
    /// the provider's clock: a provider whose clock is behind refuses everything with 503.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets when the store's memory of revocations begins. Tokens issued before are refused.
    /// Default: the time at which the store is built, by its [`clock`](Self::clock).
    ///
    /// # Security
    /// Choose a time such that no revocation made before this store was created applies to a token
    /// issued at that time or later. With an earlier time, the store accepts tokens that were
    /// revoked before it was created.
    pub fn remembers_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Builds the empty store. If its clock fails, the store accepts no token, unless
    /// [`remembers_since`](Self::remembers_since) was called.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        let since = self.since.unwrap_or_else(|| self.clock.now().unwrap_or(Timestamp::MAX));
        MemoryStore(Arc::new(Inner {
            sessions: Table::new(self.sessions),
            revocations: Entries::new(self.revocations, since),
            changes: ChangeSender::new(),
            one_times: Table::new(self.one_time_tokens),
            api_keys: Table::new(self.api_keys),
            throttles: MemoryThrottles::new(),
        }))
    }
}
