//! What has become of the events of a stream, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers since the stream was started. They only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCounters {
    /// Events that the buffer has taken.
    pub queued: u64,
    /// Entries that Redis has confirmed, those that were replayed among them.
    pub written: u64,
    /// Events that are lost: the buffer was full or closed, or there was no place left for them at
    /// the shutdown.
    pub dropped: u64,
    /// Entries that were put into files.
    pub spilled: u64,
    /// Entries of files that Redis has confirmed, those of earlier runs among them.
    pub replayed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counted {
    queued: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    spilled: AtomicU64,
    replayed: AtomicU64,
}

impl Counted {
    pub(super) fn now(&self) -> AuditCounters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AuditCounters {
            queued: of(&self.queued),
            written: of(&self.written),
            dropped: of(&self.dropped),
            spilled: of(&self.spilled),
            replayed: of(&self.replayed),
        }
    }

    pub(super) fn queued(&self) {
        add(&self.queued, 1);
    }

    pub(super) fn written(&self, count: usize) {
        add(&self.written, count);
    }

    /// Returns how many were lost before.
    pub(super) fn dropped(&self, count: usize) -> u64 {
        add(&self.dropped, count)
    }

    pub(super) fn spilled(&self, count: usize) {
        add(&self.spilled, count);
    }

    pub(super) fn replayed(&self, count: usize) {
        add(&self.replayed, count);
        self.written(count);
    }
}

fn add(counter: &AtomicU64, count: usize) -> u64 {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed)
}
