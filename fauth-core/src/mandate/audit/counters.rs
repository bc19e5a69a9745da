//! Counters of an [`AuditStream`](super::AuditStream).

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the stream was started. They never decrease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCounters {
    /// Events that the buffer accepted.
    pub queued: u64,
    /// Entries that Redis confirmed, including replayed ones.
    pub written: u64,
    /// Events lost: the buffer was full or closed, neither Redis nor a file accepted them at the
    /// shutdown, or lines of a file could not be read or were not signed with the key.
    pub dropped: u64,
    /// Entries written to files.
    pub spilled: u64,
    /// Entries from files that Redis confirmed, including files of earlier runs.
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

    /// Returns how many were dropped before.
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
