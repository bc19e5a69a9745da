//! The mirror: a copy of all revocations in this process, so that a check needs no round trip.
//!
//! A task reads a snapshot, and from then on the stream of changes. Entries are only ever added and
//! extended, here as in Redis. So a snapshot is merged into the existing copy, and changes that
//! arrived in the meantime, from this instance or from the stream, cannot be lost.
//!
//! The other part is the age of the copy. Every answer of Redis confirms everything up to the
//! moment of its request. A missing answer confirms nothing, and the copy ages.

mod copy;
mod feed;
mod table;
mod write_back;

use std::{sync::Arc, time::Duration};

use tokio::task::AbortHandle;

#[cfg(any(test, fuzzing))]
pub(super) use self::feed::fuzzing;
use self::{copy::Copy, feed::Feed, table::Change};
use super::{fault::Fault, hub::Hub};
use crate::{
    clock::Timestamp,
    store::{Changes, TokenFacts, Verdict},
};

/// The copy, and the task that updates it. The task ends when this is dropped.
pub(super) struct Mirror {
    copy: Arc<Copy>,
    task: AbortHandle,
}

impl Mirror {
    /// Returns when the copy is complete.
    pub(super) async fn start(hub: Hub, max_staleness: Duration) -> Result<Self, Fault> {
        let copy = Arc::new(Copy::new(max_staleness, Arc::clone(&hub.clock)));
        let feed = Feed::start(hub, Arc::clone(&copy)).await?;
        Ok(Self { copy, task: tokio::spawn(feed.run()).abort_handle() })
    }

    /// Returns `None` if the copy is too old for a verdict.
    pub(super) fn judge(&self, token: &TokenFacts<'_>, now: Timestamp) -> Option<Result<Verdict, Fault>> {
        self.copy.is_fresh().then(|| self.copy.judge(token, now))
    }

    /// Returns what this and other instances revoke from now on.
    pub(super) fn changes(&self) -> Changes {
        self.copy.changes.subscribe()
    }

    /// Adds a revocation by this instance at once.
    pub(super) fn revoke(&self, target: &str, until: Timestamp) {
        self.copy.table.note(Change::Target { key: target.as_bytes(), ends: until.unix_seconds() });
        self.copy.changes.tell(target.as_bytes());
    }

    /// Adds an epoch raised by this instance at once.
    pub(super) fn raise(&self, owner: &str, epoch: u64, until: Timestamp) {
        self.copy.table.note(Change::Epoch { key: owner.as_bytes(), epoch, ends: until.unix_seconds() });
        self.copy.changes.tell(owner.as_bytes());
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}
