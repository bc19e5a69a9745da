//! A counter with a window: the time at which everything counted is paid off.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    store::{
        LimitWindow,
        limits::{JUMP, Ticks},
    },
};

/// A single number; the rule is that of rate limits, [`LimitWindow::after`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell(pub(super) u64);

impl Cell {
    /// How far the cell is ahead of the current time. The clocks of instances may differ by five
    /// minutes. If the cell is further beyond its window than that, a clock has jumped back, and no
    /// client waits for that clock to catch up.
    fn used(self, window: LimitWindow, now: Timestamp) -> u64 {
        let used = self.0.saturating_sub(ticks(now));
        if used > window.full().saturating_add(JUMP) { 0 } else { used }
    }

    /// How long until another attempt is counted; zero if at once.
    pub(super) fn wait(self, window: LimitWindow, now: Timestamp) -> Duration {
        let (_, state) = window.after(self.used(window, now));
        if state.is_refused() { state.next() } else { Duration::ZERO }
    }

    /// Counts an attempt. Without room for it, the cell stays full.
    pub(super) fn count(&mut self, window: LimitWindow, now: Timestamp) {
        let (used, _) = window.after(self.used(window, now));
        self.0 = ticks(now).saturating_add(used);
    }

    pub(super) fn take_back(&mut self, window: LimitWindow, now: Timestamp) {
        self.0 = ticks(now).saturating_add(window.given_back(self.used(window, now)));
    }

    /// When the cell is equivalent to an empty one.
    pub(super) fn ends(self) -> Timestamp {
        Timestamp::from_unix_seconds(i64::try_from((self.0 >> 20).saturating_add(1)).unwrap_or(i64::MAX))
    }
}

fn ticks(now: Timestamp) -> u64 {
    Ticks::of(Duration::from_secs(u64::try_from(now.unix_seconds()).unwrap_or(0))).0
}
