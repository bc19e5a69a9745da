//! Schedules the walks of a consumer over its pending entries.

use std::time::Duration;

use tokio::time::Instant;

/// The first and the longest pause before pending entries are retried.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The position before the first entry.
pub(super) const START: &str = "0-0";

/// The current walk, if any, and the pause before the next.
pub(super) struct Retries {
    walk: Option<Walk>,
    pause: Duration,
}

/// The position of a walk over pending entries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The last entry that was tried.
    pub(super) after: String,
    due_at: Instant,
    /// Whether another walk must follow, because entries were left or have become pending behind
    /// this one.
    again: bool,
}

impl Retries {
    pub(super) fn new() -> Self {
        Self { walk: None, pause: PAUSES.0 }
    }

    /// Begins a walk from the first entry at once: what was delivered before is not known.
    pub(super) fn begin(&mut self, now: Instant) {
        self.walk = Some(Walk { after: START.to_owned(), due_at: now, again: false });
    }

    /// Schedules a walk from the first entry, after a pause or after the current walk.
    pub(super) fn later(&mut self, now: Instant) {
        if let Some(walk) = &mut self.walk {
            walk.again = true;
        } else {
            let due_at = self.next(now);
            self.walk = Some(Walk { after: START.to_owned(), due_at, again: false });
        }
    }

    /// Returns the time until a walk is due.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.walk.as_ref().map(|walk| walk.due_at.saturating_duration_since(now))
    }

    /// Returns the walk if it is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Walk> {
        self.walk.take_if(|walk| walk.due_at <= now)
    }

    /// Records that a page of the walk was tried. The walk continues after it, with a pause if
    /// entries were left.
    pub(super) fn go_on(&mut self, mut walk: Walk, tried: Option<String>, has_left: bool, now: Instant) {
        walk.again |= has_left;
        if has_left {
            walk.due_at = self.next(now);
        }
        walk.after = tried.unwrap_or(walk.after);
        self.walk = Some(walk);
    }

    /// Records that the walk has reached the last entry.
    pub(super) fn finish(&mut self, walk: &Walk, now: Instant) {
        if walk.again {
            self.later(now);
        } else {
            self.pause = PAUSES.0;
        }
    }

    /// Makes failed entries due at once, because the store works again.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.pause = PAUSES.0;
        if let Some(walk) = &mut self.walk {
            walk.due_at = now;
        }
    }

    fn next(&mut self, now: Instant) -> Instant {
        let due_at = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSES.1);
        due_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant;

    #[test]
    fn a_walk_goes_on_behind_what_fails_and_begins_anew_until_nothing_is_left() {
        let (now, mut retries) = (instant(), Retries::new());
        assert!(retries.take(now).is_none());
        retries.begin(now);
        let walk = retries.take(now).unwrap();
        assert_eq!(walk.after, START);
        retries.go_on(walk, Some("3-0".to_owned()), true, now);
        assert!(retries.take(now).is_none(), "after a pause");
        assert_eq!(retries.due_in(now), Some(PAUSES.0));
        let then = now + PAUSES.0;
        let walk = retries.take(then).unwrap();
        assert_eq!(walk.after, "3-0");
        retries.finish(&walk, then);
        assert_eq!(retries.due_in(then), Some(PAUSES.0 * 2), "something was left");
        let walk = retries.take(then + PAUSES.1).unwrap();
        assert_eq!(walk.after, START);
        retries.finish(&walk, then);
        assert!(retries.due_in(then).is_none());
        retries.later(then);
        assert_eq!(retries.due_in(then), Some(PAUSES.0), "the pause begins anew");
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_end_when_the_store_is_back() {
        let (now, mut retries) = (instant(), Retries::new());
        for _ in 0..20 {
            retries.later(now);
            let walk = retries.take(now + PAUSES.1).unwrap();
            retries.go_on(walk, None, true, now);
        }
        assert_eq!(retries.due_in(now), Some(PAUSES.1));
        retries.later(now);
        assert_eq!(retries.due_in(now), Some(PAUSES.1), "a walk that goes on is not put off");
        retries.hurry(now);
        assert_eq!(retries.due_in(now), Some(Duration::ZERO));
    }
}
