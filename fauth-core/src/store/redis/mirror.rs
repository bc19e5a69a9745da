//! A copy of all revocations in this process, so that no check waits for the network.
//!
//! A task reads a snapshot and from then on the stream of changes. Entries are only ever added and prolonged, here as in Redis: so a snapshot is merged into what is there,
//! and nothing that came in meanwhile, from this instance or from the stream, can get lost.
//!
//! What was known when, is the other half. Every answer of Redis confirms everything up to the moment when it was asked for; an answer that did not come confirms nothing, and the copy grows old.

mod feed;
mod table;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{task::AbortHandle, time::Instant};

use super::{Hub, fault::Fault, revocations::verdict};
use crate::{
    clock::{Clock, Timestamp, instant},
    store::{TokenFacts, Verdict},
};
use feed::Feed;
use table::{Change, Table};

/// By how much the store's clock may be set, forward or back, without a copy being taken for an old one. One second of it is what whole seconds hide.
const STEP: Duration = Duration::from_secs(2);

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

    /// What this instance has revoked it knows at once.
    pub(super) fn revoke(&self, target: &[u8], until: Timestamp) {
        self.copy.table.note(Change::RevocationTarget { name: target, ends: until.unix_seconds() });
    }

    pub(super) fn raise(&self, subject: &[u8], epoch: u64, until: Timestamp) {
        self.copy.table.note(Change::Epoch { subject, epoch, ends: until.unix_seconds() });
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task and the checks share.
struct Copy {
    table: Table,
    max_staleness: Duration,
    start: Instant,
    /// Milliseconds after `start` at which everything in Redis was known here.
    known_at: AtomicU64,
    /// The same by the clock of the store: the other one stands still while the machine sleeps.
    known_time: AtomicI64,
    clock: Arc<dyn Clock>,
    /// Since when Redis remembers.
    since: AtomicI64,
}

impl Copy {
    fn new(max_staleness: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            table: Table::default(),
            max_staleness,
            start: instant(),
            known_at: AtomicU64::new(0),
            known_time: AtomicI64::new(i64::MIN),
            clock,
            since: AtomicI64::new(i64::MAX),
        }
    }

    fn is_fresh(&self) -> bool {
        // Rounded down, so that the copy is rather older than it is than younger.
        let known_at = Duration::from_millis(self.known_at.load(Ordering::Acquire));
        let age = instant().saturating_duration_since(self.start).saturating_sub(known_at);
        // Read after `known_at` and written before it: it never belongs to an earlier moment.
        let known_time = Timestamp::from_unix_seconds(self.known_time.load(Ordering::Acquire));
        age < self.max_staleness
            && self.clock.now().is_ok_and(|now| {
                // One of the two is zero. A clock that went back does not tell how old the copy is.
                now.since(known_time) <= self.max_staleness.saturating_add(STEP)
                    && known_time.since(now) <= STEP
            })
    }

    /// At `moment`, which was `time`, all was known.
    fn confirm(&self, moment: Instant, time: Timestamp) {
        self.known_time.store(time.unix_seconds(), Ordering::Release);
        let known_at = moment.saturating_duration_since(self.start).as_millis();
        self.known_at.store(u64::try_from(known_at).unwrap_or(0), Ordering::Release);
    }

    fn remember_since(&self, since: Timestamp) {
        self.since.store(since.unix_seconds(), Ordering::Release);
    }

    fn judge(&self, token: &TokenFacts<'_>, present: Timestamp) -> Result<Verdict, Fault> {
        let now = present.unix_seconds();
        let revoked = token
            .targets
            .iter()
            .any(|target| target.with_key(|key| self.table.end_of(key)).is_some_and(|ends| ends > now));
        let epoch = self.table.epoch_of(token.subject.as_bytes(), now);
        let since = Timestamp::from_unix_seconds(self.since.load(Ordering::Acquire));
        verdict(revoked, epoch, since, token, present)
    }
}
