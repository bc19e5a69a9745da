//! A copy of all revocations in this process, so that no check waits for the network.
//!
//! A task reads a snapshot and from then on the stream of changes. Entries are only ever added and
//! prolonged, here as in Redis. So a snapshot is merged into what is there, and nothing that came
//! in meanwhile, from this instance or from the stream, can get lost.
//!
//! The other half is the age of the copy. Every answer of Redis confirms everything up to the
//! moment at which it was asked for. An answer that did not come confirms nothing, and the copy
//! grows old.

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

/// The copy, and the task that keeps it. The task ends with this.
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

    /// `None` if the copy is too old to judge anything.
    pub(super) fn judge(&self, token: &TokenFacts<'_>, now: Timestamp) -> Option<Result<Verdict, Fault>> {
        self.copy.is_fresh().then(|| self.copy.judge(token, now))
    }

    /// What this and other instances revoke from now on.
    pub(super) fn changes(&self) -> Changes {
        self.copy.changes.subscribe()
    }

    /// Notes at once what this instance has revoked.
    pub(super) fn revoke(&self, target: &str, until: Timestamp) {
        self.copy.table.note(Change::Target { key: target.as_bytes(), ends: until.unix_seconds() });
        self.copy.changes.tell(target.as_bytes());
    }

    /// Notes at once that this instance has raised an epoch.
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
