//! The state of a running consumer, for its handle and for the log.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::clock::instant;

/// After this long without a successful round, the failure is logged as an error, and again each
/// time that this long has passed.
const SILENCE: Duration = Duration::from_secs(60);

/// Written by the consumer, read by its handle.
#[derive(Debug)]
pub(super) struct Health {
    begun: Instant,
    /// The time of the last successful round, in milliseconds after `begun`, plus one; 0 if there
    /// was none.
    heard: AtomicU64,
    is_behind: AtomicBool,
    lost: AtomicU64,
}

impl Health {
    pub(super) fn new() -> Self {
        let (heard, is_behind, lost) = (AtomicU64::new(0), AtomicBool::new(true), AtomicU64::new(0));
        Self { begun: instant(), heard, is_behind, lost }
    }

    /// Records a successful round, and whether more work is left.
    pub(super) fn hear(&self, is_behind: bool) {
        let millis = u64::try_from(self.since_begun().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(millis.saturating_add(1), Ordering::Relaxed);
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Records a failed round.
    pub(super) fn fall_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, count: usize) {
        self.lost.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn last_heard(&self) -> Option<Duration> {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed).checked_sub(1)?);
        Some(self.since_begun().saturating_sub(heard))
    }

    fn since_begun(&self) -> Duration {
        instant().saturating_duration_since(self.begun)
    }

    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The level at which a failure is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    Warning,
    Error,
}

/// Decides when continuing failures are logged: the first, then one each minute.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// When the failures began, and when one was last logged.
    since: Option<(Instant, Instant)>,
}

impl Complaints {
    /// Records a failure. Returns the level if it should be logged, and how long there have been
    /// failures.
    pub(super) fn fail(&mut self, now: Instant) -> Option<(Tell, Duration)> {
        let Some((begun, told)) = &mut self.since else {
            self.since = Some((now, now));
            return Some((Tell::Warning, Duration::ZERO));
        };
        if now.saturating_duration_since(*told) < SILENCE {
            return None;
        }
        *told = now;
        Some((Tell::Error, now.saturating_duration_since(*begun)))
    }

    /// Records a success. Returns whether there were failures before.
    pub(super) fn end(&mut self) -> bool {
        self.since.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_each_minute_until_they_end() {
        let (start, mut complaints) = (instant(), Complaints::default());
        let mut at = |seconds| complaints.fail(start + Duration::from_secs(seconds));
        let error = |seconds| Some((Tell::Error, Duration::from_secs(seconds)));
        assert_eq!(at(0), Some((Tell::Warning, Duration::ZERO)));
        assert_eq!((at(1), at(59)), (None, None));
        assert_eq!((at(60), at(61), at(119)), (error(60), None, None));
        assert_eq!((at(125), at(184), at(185)), (error(125), None, error(185)));
        assert!(complaints.end() && !complaints.end());
        let later = start + Duration::from_secs(1000);
        assert_eq!(complaints.fail(later), Some((Tell::Warning, Duration::ZERO)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_heard_grows_old() {
        let health = Health::new();
        assert_eq!((health.last_heard(), health.is_behind()), (None, true));
        tokio::time::advance(Duration::from_secs(5)).await;
        health.hear(false);
        assert_eq!((health.last_heard(), health.is_behind()), (Some(Duration::ZERO), false));
        tokio::time::advance(Duration::from_secs(7)).await;
        health.fall_behind();
        assert_eq!((health.last_heard(), health.is_behind()), (Some(Duration::from_secs(7)), true));
    }
}
