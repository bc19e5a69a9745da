//! Everything in the memory of this process: nothing to install, for one instance.

mod api_keys;
mod one_times;
mod revocations;
mod sessions;
mod shards;
mod table;

use std::{fmt, sync::Arc, time::Duration};

use self::{revocations::Revocations, sessions::SessionRow, table::Table};
use super::{ApiKeyId, OneTimeRecord, SessionId, StoreError, StoredApiKey};
use crate::clock::Timestamp;

/// How many entries of each kind there may be by default.
const DEFAULT_CAPACITY: usize = 1_000_000;

/// An entry is forgotten only so long after its time, so that a clock that jumps back by less finds it again.
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// The most entries that one write forgets on its way. More than it adds, so that what is past its time does not pile up.
const FORGOTTEN_PER_WRITE: usize = 4;

/// Sessions, revocations, one-time tokens and API keys in the memory of this process: nothing to install, nothing shared with another
/// instance, nothing left after a restart. Clones share everything.
///
/// ```
/// use fauth_core::{AuthProvider, MemoryStore};
///
/// let auth = fauth_testing::provider().store(MemoryStore::new()).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Bounds
/// There is room for one million sessions, revocations, one-time tokens and API keys each; [`builder`](Self::builder) changes that. What is past its
/// time leaves by itself one hour later, a few entries with each write. A store that is full of what must be kept refuses more with a
/// [`StoreError`]. An ended session stays as a mark that it has ended; only these marks give way when the room is needed, and the session is unknown
/// from then on, so that nobody fills the store by logging in and out.
///
/// # Security
/// After a restart nobody knows what was revoked before. So the store remembers since when it remembers: since the first call that it gets, or since
/// [`remembers_since`](MemoryStoreBuilder::remembers_since). Tokens that were issued before are refused, and their users log in again.
///
/// If the clock jumps back to before the time of a revocation that is forgotten already, the store begins anew in the same way. So it never vouches for
/// a token whose revocation it has lost. Against a clock that starts in the past and is set right later it can do nothing; one that starts ahead
/// makes it refuse everything until that time has come.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    sessions: Table<SessionId, SessionRow>,
    revocations: Revocations,
    one_times: Table<[u8; 32], OneTimeRecord>,
    api_keys: Table<ApiKeyId, StoredApiKey>,
}

impl MemoryStore {
    /// An empty store with the default bounds.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An empty store with bounds of your own.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder {
            sessions: DEFAULT_CAPACITY,
            revocations: DEFAULT_CAPACITY,
            one_time_tokens: DEFAULT_CAPACITY,
            api_keys: DEFAULT_CAPACITY,
            since: None,
        }
    }

    /// How much is kept at this moment, also of what is past its time and not yet forgotten.
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

/// How many entries a [`MemoryStore`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySizes {
    /// Sessions, with those that have ended and are kept as a mark.
    pub sessions: usize,
    /// Revoked targets and raised epochs.
    pub revocations: usize,
    /// One-time tokens.
    pub one_time_tokens: usize,
    /// API keys.
    pub api_keys: usize,
}

/// Sets the bounds of a [`MemoryStore`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryStoreBuilder {
    sessions: usize,
    revocations: usize,
    one_time_tokens: usize,
    api_keys: usize,
    since: Option<Timestamp>,
}

impl MemoryStoreBuilder {
    /// The most sessions, with those that have ended and are kept as a mark. Default: 1 000 000.
    pub fn sessions(mut self, most: usize) -> Self {
        self.sessions = most;
        self
    }

    /// The most revoked targets and raised epochs. Default: 1 000 000.
    pub fn revocations(mut self, most: usize) -> Self {
        self.revocations = most;
        self
    }

    /// The most one-time tokens. Default: 1 000 000.
    pub fn one_time_tokens(mut self, most: usize) -> Self {
        self.one_time_tokens = most;
        self
    }

    /// The most API keys. Default: 1 000 000.
    pub fn api_keys(mut self, most: usize) -> Self {
        self.api_keys = most;
        self
    }

    /// Tokens that were issued before this are refused. Default: the time of the first call that the store gets.
    ///
    /// # Security
    /// Name a time at which nothing had been revoked yet that is still to be refused. An earlier one lets tokens pass that were taken back before this
    /// store was made.
    pub fn remembers_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore(Arc::new(Inner {
            sessions: Table::new(self.sessions),
            revocations: Revocations::new(self.revocations, self.since),
            one_times: Table::new(self.one_time_tokens),
            api_keys: Table::new(self.api_keys),
        }))
    }
}

/// Why the memory store refuses.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Refused {
    #[error("the store is full of entries that must be kept")]
    Full,
    #[error("the id is known already")]
    Known,
    #[error("a thread has panicked in the middle of a step, and what it left behind is not trusted")]
    Poisoned,
    #[error("the epoch cannot be raised any further")]
    LastEpoch,
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        Self::new(refused)
    }
}

/// May what left at `leaves_at` be forgotten?
fn is_forgettable(leaves_at: Timestamp, now: Timestamp) -> bool {
    now.since(leaves_at) >= MARGIN
}
