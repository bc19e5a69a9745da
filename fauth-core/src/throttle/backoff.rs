//! Consecutive failures, and the delay that grows with them.

use std::time::Duration;

use super::rules::Rules;
use crate::clock::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    pub(super) failures: u32,
    /// When the last failure was.
    pub(super) last: Timestamp,
}

/// The maximum assumed difference between the clocks of instances.
const SKEW: Duration = Duration::from_secs(5 * 60);

impl Default for Backoff {
    fn default() -> Self {
        Self { failures: 0, last: Timestamp::from_unix_seconds(0) }
    }
}

impl Backoff {
    /// Resets the failures if they have expired.
    pub(super) fn forget(&mut self, rules: &Rules, now: Timestamp) {
        if now.since(self.last) >= rules.remembers(self.failures) {
            self.failures = 0;
        }
    }

    /// How long until an attempt is checked, if none fails meanwhile; zero if at once.
    pub(super) fn wait(self, rules: &Rules, now: Timestamp) -> Duration {
        if rules.needs_unlock(self.failures) {
            return rules.longest_delay;
        }
        // A last failure in the future, within the clock difference of instances, counts as just
        // now. If it is further ahead, a clock has jumped back, and no client waits for that clock
        // to catch up.
        let ahead = self.last.since(now);
        let passed = if ahead > SKEW { ahead } else { now.since(self.last) };
        rules.delay(self.failures).saturating_sub(passed)
    }

    pub(super) fn count(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last = now;
    }

    pub(super) fn take_back(&mut self, failures: u32) {
        self.failures = self.failures.saturating_sub(failures);
    }

    /// When the record is equivalent to one without failures.
    pub(super) fn ends(self, rules: &Rules) -> Timestamp {
        if self.failures == 0 {
            return self.last;
        }
        self.last.checked_add(rules.remembers(self.failures)).unwrap_or(Timestamp::MAX)
    }
}
