//! The validated settings, and the length of a delay.

use std::time::Duration;

use crate::{clock::Timestamp, store::LimitWindow};

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A record reports refusals at most once in this time.
const REPORTS: Duration = Duration::from_secs(60);

/// The validated settings.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(super) pair: LimitWindow,
    pub(super) address: LimitWindow,
    pub(super) tokens: LimitWindow,
    pub(super) delays_after: u32,
    pub(super) longest_delay: Duration,
    pub(super) unlock_after: u32,
    pub(super) familiar_for: Duration,
    pub(crate) counts_here: bool,
}

impl Rules {
    /// How long an address stays familiar after a login.
    pub(crate) const fn familiar_for(&self) -> Duration {
        self.familiar_for
    }

    /// The delay before the next attempt is checked after this many failures.
    pub(super) fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(self.delays_after) else { return Duration::ZERO };
        let delay = 1_u64.checked_shl(doublings).filter(|_| doublings < 63);
        delay.map_or(self.longest_delay, Duration::from_secs).min(self.longest_delay)
    }

    /// How long failures are kept after the last of them. The more there are, the longer: a flood
    /// of single failures does not displace others.
    pub(super) fn remembers(&self, failures: u32) -> Duration {
        if failures >= self.unlock_after {
            30 * DAY
        } else if failures >= self.delays_after {
            DAY.max(self.longest_delay.saturating_mul(2))
        } else {
            HOUR
        }
    }

    pub(super) fn needs_unlock(&self, failures: u32) -> bool {
        failures >= self.unlock_after
    }

    /// The window for unknown tokens, which are counted separately from passwords.
    pub(crate) fn of_tokens(&self) -> LimitWindow {
        self.tokens
    }

    pub(crate) fn of_address(&self) -> LimitWindow {
        self.address
    }
}

/// Records that something was refused; `true` if the refusal should be reported.
pub(super) fn is_due(reported: &mut Timestamp, now: Timestamp) -> bool {
    let is_due = now.since(*reported) >= REPORTS || reported.since(now) >= REPORTS;
    if is_due {
        *reported = now;
    }
    is_due
}
