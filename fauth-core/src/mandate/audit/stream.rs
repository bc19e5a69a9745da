//! The sink that an application passes to its provider.

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
    strangers::{Rate, is_of_stranger},
    writer::{Noted, What},
};
use crate::{
    clock::Clock,
    event::{AuthEvents, Event, EventKind},
};

/// Selects the events that are written.
pub(super) type Select = dyn Fn(&Event<'_>) -> bool + Send + Sync;

/// Writes audit events to a Redis stream in Caracal's format. Pass it to
/// [`AuthProviderBuilder::events`](crate::AuthProviderBuilder::events). The [module](super)
/// documents what is written, and what happens when Redis fails.
///
/// Clones write to the same stream. When the last clone is dropped, buffered events are still
/// written; [`shutdown`](Self::shutdown) waits until they are.
#[derive(Clone)]
pub struct AuditStream(Arc<Shared>);

struct Shared {
    lane: Lane,
    /// For events that anyone can cause, if they are included.
    strangers: Option<(Lane, Rate)>,
    clock: Arc<dyn Clock>,
    select: Box<Select>,
    has_told: AtomicBool,
}

/// The buffer and the counters that lead to one writer task.
pub(super) struct Lane {
    pub(super) buffer: Arc<Buffer<Noted>>,
    pub(super) counted: Arc<Counted>,
    pub(super) ended: watch::Receiver<bool>,
}

impl AuditStream {
    pub(super) fn new(
        lane: Lane,
        strangers: Option<Lane>,
        clock: Arc<dyn Clock>,
        select: Box<Select>,
    ) -> Self {
        let strangers = strangers.map(|lane| (lane, Rate::new()));
        Self(Arc::new(Shared { lane, strangers, clock, select, has_told: AtomicBool::new(false) }))
    }

    /// Writes an audit event of the application's own. Returns immediately.
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

    /// Returns the counters of all events except those counted by
    /// [`unverified_counters`](Self::unverified_counters).
    #[must_use]
    pub fn counters(&self) -> AuditCounters {
        self.0.lane.counted.now()
    }

    /// Returns the counters of events that anyone can cause. All are zero unless such events are
    /// [included](super::AuditStreamBuilder::include_unverified). Events beyond their share count
    /// as `dropped`.
    #[must_use]
    pub fn unverified_counters(&self) -> AuditCounters {
        self.0.strangers.as_ref().map(|(lane, _)| lane.counted.now()).unwrap_or_default()
    }

    /// Writes all buffered events, to Redis or else to files, and stops. Events raised afterwards
    /// are dropped and counted. Call it before the runtime shuts down.
    ///
    /// If the server does not answer, this takes a few times the
    /// [`command_timeout`](super::AuditStreamBuilder::command_timeout), however many events are
    /// buffered.
    pub async fn shutdown(&self) -> AuditCounters {
        let strangers = self.0.strangers.iter().map(|(lane, _)| lane);
        let lanes: Vec<&Lane> = std::iter::once(&self.0.lane).chain(strangers).collect();
        for lane in &lanes {
            lane.buffer.close();
        }
        for lane in lanes {
            // An error means that the task ended with its runtime.
            let _ = lane.ended.clone().wait_for(|ended| *ended).await;
        }
        self.counters()
    }
}

impl Shared {
    fn push(&self, what: What, source: Source) {
        let is_taken = self.lane.push(what, source, &*self.clock);
        if !is_taken && !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                target: "fauth",
                "audit: the buffer is full or closed, and events are lost; this is logged once, see the counters"
            );
        }
    }

    /// Logs nothing about dropped events: otherwise anyone could fill the log.
    fn push_of_stranger(&self, event: &Event<'_>) {
        let Some((lane, rate)) = &self.strangers else { return };
        if !(self.select)(event) {
            return;
        }
        if rate.admits() {
            lane.push(What::Raised(Snapshot::of(event)), Source::Act, &*self.clock);
        } else {
            lane.counted.dropped(1);
        }
    }
}

impl Lane {
    fn push(&self, what: What, source: Source, clock: &dyn Clock) -> bool {
        // If the clock fails, the event gets a time in 1970: it happened all the same.
        let at = clock.now_precise().unwrap_or_default();
        let is_taken = self.buffer.push(Box::new(Noted { what, at }), source);
        if is_taken {
            self.counted.queued();
        } else {
            self.counted.dropped(1);
        }
        is_taken
    }
}

impl AuthEvents for AuditStream {
    fn on_event(&self, event: &Event<'_>) {
        if is_of_stranger(event) {
            self.0.push_of_stranger(event);
        } else if (self.0.select)(event) {
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

impl Drop for Lane {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

impl fmt::Debug for AuditStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditStream").field("counters", &self.counters()).finish_non_exhaustive()
    }
}
