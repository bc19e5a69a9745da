//! Limits of the memory store: when it may forget an entry, and why it refuses a call.
//!
//! The tables (`table.rs`) and the revocations (`entries.rs`) follow the same limits.

use std::time::Duration;

use crate::{clock::Timestamp, store::StoreError};

/// How long an entry stays after it has expired. A clock that jumps back by less than this still
/// finds it.
pub(super) const MARGIN: Duration = Duration::from_secs(60 * 60);

/// The maximum number of expired entries that one write forgets. It is more than a write adds, so
/// that expired entries do not pile up.
pub(super) const FORGOTTEN_PER_WRITE: usize = 4;

/// Why the memory store refuses a call. It becomes the source of a [`StoreError`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Refused {
    #[error("the store is full of entries that must be kept")]
    Full,
    #[error("the id is known already")]
    Known,
    #[error("a thread has panicked in the middle of a step, and what it left behind is not trusted")]
    Poisoned,
    #[error("the id of an API key is not of its owner's bucket")]
    WrongBucket,
    #[error("the epoch cannot be raised any further")]
    LastEpoch,
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        Self::new(refused)
    }
}

/// Whether an entry that expires at `leaves_at` may be forgotten at `now`.
pub(super) fn is_forgettable(leaves_at: Timestamp, now: Timestamp) -> bool {
    now.since(leaves_at) >= MARGIN
}
