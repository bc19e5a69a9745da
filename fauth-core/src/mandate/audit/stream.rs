//! The sink that applications hold.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
};

use tokio::sync::watch;

use super::{
    buffer::{Buffer, Source},
    counters::{AuditCounters, Counted},
    record::AuditRecord,
    snapshot::{Snapshot, source_of},
    writer::{Noted, What},
};
use crate::{
    clock::Clock,
    event::{AuthEvents, Event, EventKind},
};

/// Which events are written.
pub(super) type Select = dyn Fn(&Event<'_>) -> bool + Send + Sync;

/// Writes audit events as Caracal reads them; give it to
/// [`AuthProviderBuilder::events`](crate::AuthProviderBuilder::events). See the
/// [module](super) for what is written and what happens when Redis fails.
///
/// Clones write into the same stream. When the last one is dropped, what is in the buffer is still
/// written; [`shutdown`](Self::shutdown) waits for that.
#[derive(Clone)]
pub struct AuditStream(Arc<Shared>);

struct Shared {
    buffer: Arc<Buffer<Noted>>,
    counted: Arc<Counted>,
    clock: Arc<dyn Clock>,
    select: Box<Select>,
    ended: watch::Receiver<bool>,
    has_told: AtomicBool,
}

impl AuditStream {
    pub(super) fn new(
        buffer: Arc<Buffer<Noted>>,
        counted: Arc<Counted>,
        clock: Arc<dyn Clock>,
        select: Box<Select>,
        ended: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Shared { buffer, counted, clock, select, ended, has_told: AtomicBool::new(false) }))
    }

    /// Writes an event of the application's own. It returns at once.
    ///
    /// ```
    /// # use fauth_core::mandate::audit::{AuditRecord, AuditStream, Decision};
    /// # fn example(audit: &AuditStream) {
    /// audit.record(AuditRecord::new("payout.created", Decision::Allow).request_id("req-1"));
    /// # }
    /// ```
    pub fn record(&self, record: AuditRecord) {
        self.0.push(What::Given(record), Source::Act);
    }

    /// What has become of the events so far.
    #[must_use]
    pub fn counters(&self) -> AuditCounters {
        self.0.counted.now()
    }

    /// Writes what is in the buffer, into Redis or else into files, and ends. What is raised
    /// afterwards is dropped and counted. Call it before the runtime ends.
    ///
    /// A server that does not answer is waited for a few times as long as
    /// [`command_timeout`](super::AuditStreamBuilder::command_timeout) says, whatever is in the
    /// buffer.
    pub async fn shutdown(&self) -> AuditCounters {
        self.0.buffer.close();
        // An error means that the task is gone, with its runtime.
        let _ = self.0.ended.clone().wait_for(|ended| *ended).await;
        self.counters()
    }
}

impl Shared {
    fn push(&self, what: What, source: Source) {
        // A clock that fails says 1970: the event happened all the same.
        let at = self.clock.now_precise().unwrap_or_default();
        if self.buffer.push(Box::new(Noted { what, at }), source) {
            self.counted.queued();
            return;
        }
        self.counted.dropped(1);
        if !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                target: "fauth",
                "audit: the buffer is full or closed, and events are lost; said once, see the counters"
            );
        }
    }
}

impl AuthEvents for AuditStream {
    fn on_event(&self, event: &Event<'_>) {
        if (self.0.select)(event) {
            self.0.push(What::Raised(Snapshot::of(event)), source_of(event));
        }
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::MandateAccepted
    }

    fn reads_trace(&self) -> bool {
        true
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

impl fmt::Debug for AuditStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditStream").field("counters", &self.counters()).finish_non_exhaustive()
    }
}
