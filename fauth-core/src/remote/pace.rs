//! When the next fetch may start. Pure: the time and randomness are parameters.

use std::time::Duration;

use tokio::time::Instant;

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a fetch is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// There are no usable keys, or the current ones should be replaced.
    Needed,
    /// A token names a key that the set does not have. Anyone can send such tokens.
    UnknownKey,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// When the last fetch ended.
    ended: Option<Instant>,
    /// The number of failures since the last success.
    pub(super) failures: u32,
    pause: Duration,
}

impl Pace {
    pub(super) fn may_begin(&self, now: Instant, reason: Reason, unknown_key_interval: Duration) -> bool {
        let Some(ended) = self.ended else { return true };
        let pause = match reason {
            Reason::Needed => self.pause,
            Reason::UnknownKey => self.pause.max(unknown_key_interval),
        };
        now.saturating_duration_since(ended) >= pause
    }

    /// How long until a needed fetch may start.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.ended
            .map_or(Duration::ZERO, |ended| self.pause.saturating_sub(now.saturating_duration_since(ended)))
    }

    pub(super) fn succeeded(&mut self, now: Instant) {
        *self = Self { ended: Some(now), failures: 0, pause: SHORTEST_PAUSE };
    }

    /// `chance` is between 0 and 1, so that instances that failed together do not retry together.
    pub(super) fn failed(&mut self, now: Instant, chance: f64) {
        let doubled = SHORTEST_PAUSE.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.pause = doubled.mul_f64(0.75 + chance / 4.0);
        self.failures = self.failures.saturating_add(1);
        self.ended = Some(now);
    }
}

/// 70 to 90 % of the time for which a set is fresh, so that instances that started together do not
/// all fetch together, and three or more attempts fit in before it is stale.
pub(super) fn refresh_after(fresh_for: Duration, chance: f64) -> Duration {
    fresh_for.mul_f64(0.7 + chance / 5.0)
}

/// Between 0 and 1. Without randomness nothing is spread; that is the only loss.
pub(super) fn chance() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant;

    const INTERVAL: Duration = Duration::from_secs(30);

    #[test]
    fn the_first_may_begin_at_once() {
        assert!(Pace::default().may_begin(instant(), Reason::UnknownKey, INTERVAL));
        assert_eq!(Pace::default().wait(instant()), Duration::ZERO);
    }

    #[test]
    fn unknown_keys_wait_longer_than_what_is_needed() {
        let (start, mut pace) = (instant(), Pace::default());
        pace.succeeded(start);
        let may =
            |seconds: u64, reason| pace.may_begin(start + Duration::from_secs(seconds), reason, INTERVAL);
        assert!(!may(0, Reason::Needed) && may(1, Reason::Needed));
        assert!(!may(29, Reason::UnknownKey) && may(30, Reason::UnknownKey));
    }

    #[test]
    fn failures_double_the_pause_up_to_a_minute() {
        let (start, mut pace) = (instant(), Pace::default());
        let mut pauses = Vec::new();
        for _ in 0..40 {
            pace.failed(start, 1.0);
            pauses.push(pace.wait(start).as_secs());
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses[39], 60);
        assert!(
            !pace.may_begin(start + INTERVAL, Reason::UnknownKey, INTERVAL),
            "the pause is the longer one"
        );
        pace.succeeded(start);
        assert_eq!(pace.wait(start).as_secs(), 1);
    }

    #[test]
    fn chance_stays_within_bounds() {
        let fresh = Duration::from_secs(100);
        for _ in 0..1000 {
            let after = refresh_after(fresh, chance());
            assert!((70..=90).contains(&after.as_secs()), "{after:?}");
        }
        let mut pace = Pace::default();
        pace.failed(instant(), 0.0);
        assert!(pace.pause >= Duration::from_millis(750));
    }
}
