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
    strangers::{Rate, is_of_stranger},
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
    lane: Lane,
    /// For what strangers cause, if it is written.
    strangers: Option<(Lane, Rate)>,
    clock: Arc<dyn Clock>,
    select: Box<Select>,
    has_told: AtomicBool,
}

/// The way to a task that writes.
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

    /// What has become of the events so far, without those of strangers.
    #[must_use]
    pub fn counters(&self) -> AuditCounters {
        self.0.lane.counted.now()
    }

    /// What has become of the events that strangers have caused; nothing unless they are
    /// [included](super::AuditStreamBuilder::include_unverified). Those beyond their share are
    /// `dropped`.
    #[must_use]
    pub fn unverified_counters(&self) -> AuditCounters {
        self.0.strangers.as_ref().map(|(lane, _)| lane.counted.now()).unwrap_or_default()
    }

    /// Writes what is in the buffer, into Redis or else into files, and ends. What is raised
    /// afterwards is dropped and counted. Call it before the runtime ends.
    ///
    /// A server that does not answer is waited for a few times as long as
    /// [`command_timeout`](super::AuditStreamBuilder::command_timeout) says, whatever is in the
    /// buffer.
    pub async fn shutdown(&self) -> AuditCounters {
        let strangers = self.0.strangers.iter().map(|(lane, _)| lane);
        let lanes: Vec<&Lane> = std::iter::once(&self.0.lane).chain(strangers).collect();
        for lane in &lanes {
            lane.buffer.close();
        }
        for lane in lanes {
            // An error means that the task is gone, with its runtime.
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
                "audit: the buffer is full or closed, and events are lost; said once, see the counters"
            );
        }
    }

    /// Nobody is told what is left out: a stranger could have it told.
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
        // A clock that fails says 1970: the event happened all the same.
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
