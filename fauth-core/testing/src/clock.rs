//! A clock that moves only when a test moves it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use fauth_core::clock::{Clock, ClockError, Timestamp};

/// A clock that stands still at 2026-01-01T00:00:00Z until a test moves it. Clones show the same
/// time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<AtomicI64>,
    broken: Arc<AtomicBool>,
}

impl ManualClock {
    /// The time at which every manual clock starts.
    pub const START: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

    /// Creates an independent clock.
    pub fn new() -> Self {
        Self { now: Arc::new(AtomicI64::new(Self::START.unix_seconds())), broken: Arc::default() }
    }

    /// Moves forward, by whole seconds.
    pub fn advance(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_secs()).unwrap(), Ordering::SeqCst);
    }

    /// Jumps to a time, forward or back.
    pub fn set(&self, time: Timestamp) {
        self.now.store(time.unix_seconds(), Ordering::SeqCst);
    }

    /// Makes every further reading fail.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(ClockError::new());
        }
        Ok(Timestamp::from_unix_seconds(self.now.load(Ordering::SeqCst)))
    }
}
