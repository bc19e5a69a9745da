//! The copy itself, and the time up to which it is complete.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::table::Table;
use crate::{
    clock::{Clock, Timestamp, instant},
    store::{
        ChangeSender, Known, RevocationTarget, TokenFacts, Verdict,
        redis::{fault::Fault, verdict::verdict},
    },
};

/// How far the store's clock may be set, forward or back, before the copy counts as stale. One
/// second of this allows for whole seconds.
const STEP: Duration = Duration::from_secs(2);

/// Shared by the task and the checks.
pub(super) struct Copy {
    pub(super) table: Table,
    /// Announces new entries.
    pub(super) changes: ChangeSender,
    pub(super) max_staleness: Duration,
    start: Instant,
    /// Milliseconds after `start` at which the copy was last complete.
    known_at: AtomicU64,
    /// The same by the store's clock: the other clock stops while the machine is suspended.
    known_time: AtomicI64,
    clock: Arc<dyn Clock>,
    /// The time at which the revocation memory of Redis began.
    since: AtomicI64,
}

impl Copy {
    pub(super) fn new(max_staleness: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            table: Table::default(),
            changes: ChangeSender::new(),
            max_staleness,
            start: instant(),
            known_at: AtomicU64::new(0),
            known_time: AtomicI64::new(i64::MIN),
            clock,
            since: AtomicI64::new(i64::MAX),
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        // Rounded down, so that the copy never counts as younger than it is.
        let known_at = Duration::from_millis(self.known_at.load(Ordering::Acquire));
        let age = instant().saturating_duration_since(self.start).saturating_sub(known_at);
        // Read after `known_at` and written before it, so it never belongs to an earlier moment.
        let known_time = Timestamp::from_unix_seconds(self.known_time.load(Ordering::Acquire));
        age < self.max_staleness
            && self.clock.now().is_ok_and(|now| {
                // One of the two differences is zero. A clock that was set back does not show how
                // old the copy is.
                now.since(known_time) <= self.max_staleness.saturating_add(STEP)
                    && known_time.since(now) <= STEP
            })
    }

    /// Records that the copy was complete at `moment`, which was `time` by the store's clock.
    pub(super) fn confirm(&self, moment: Instant, time: Timestamp) {
        self.known_time.store(time.unix_seconds(), Ordering::Release);
        let known_at = moment.saturating_duration_since(self.start).as_millis();
        self.known_at.store(u64::try_from(known_at).unwrap_or(0), Ordering::Release);
    }

    pub(super) fn remember_since(&self, since: Timestamp) {
        self.since.store(since.unix_seconds(), Ordering::Release);
    }

    pub(super) fn judge(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, Fault> {
        let is_revoked = |target: &RevocationTarget<'_>| {
            let end = target.with_key(&token.owner, |key| self.table.end_of(key));
            end.is_some_and(|end| end > now.unix_seconds())
        };
        let known = Known {
            is_revoked: token.targets.iter().any(is_revoked),
            epoch: RevocationTarget::Subject
                .with_key(&token.owner, |key| self.table.epoch_of(key, now.unix_seconds())),
            remembers_since: Some(Timestamp::from_unix_seconds(self.since.load(Ordering::Acquire))),
        };
        verdict(token, &known, now)
    }
}
