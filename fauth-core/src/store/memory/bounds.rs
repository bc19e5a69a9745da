//! The limits of the memory store: when it may remove an entry, and why it refuses a call.
//!
//! The tables (`table.rs`) and the revocations (`entries.rs`) follow the same limits.

use std::time::Duration;

use crate::{clock::Timestamp, store::StoreError};

/// How long an entry stays after it has expired. After a clock jumps back by less than this, the
/// entry is still found.
pub(super) const MARGIN: Duration = Duration::from_secs(60 * 60);

/// The maximum number of expired entries that one write removes. It is more than a write adds, so
/// that expired entries do not accumulate.
pub(super) const FORGOTTEN_PER_WRITE: usize = 4;

/// Why the memory store refuses a call. Becomes the cause of a [`StoreError`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Refused {
    #[error("the memory store is full: raise its limits in the builder")]
    Full,
    #[error("the id is already in use")]
    Known,
    #[error("a thread panicked during a change, so the contents may be inconsistent: restart the process")]
    Poisoned,
    #[error("the id of the API key is not in its owner's bucket: create ids with `ApiKeyId::new`")]
    WrongBucket,
    #[error("the epoch cannot be raised any further")]
    LastEpoch,
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        Self::new(refused)
    }
}

/// Whether an entry that expires at `leaves_at` may be removed at `now`.
pub(super) fn is_forgettable(leaves_at: Timestamp, now: Timestamp) -> bool {
    now.since(leaves_at) >= MARGIN
}
