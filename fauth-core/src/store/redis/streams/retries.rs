//! When a consumer walks over what is pending with it, and how far it has come.

use std::time::Duration;

use tokio::time::Instant;

/// How long pending entries are left alone after a failure, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Before the first entry.
pub(super) const START: &str = "0-0";

/// A walk, if one is due, and the pause before the next.
pub(super) struct Retries {
    walk: Option<Walk>,
    pause: Duration,
}

/// How far a walk over pending entries has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The last entry that was tried.
    pub(super) after: String,
    due_at: Instant,
    /// Something was left, or has become pending behind it: another walk follows.
    again: bool,
}

impl Retries {
    pub(super) fn new() -> Self {
        Self { walk: None, pause: PAUSES.0 }
    }

    /// A walk from the first entry, at once: what was delivered before is not known.
    pub(super) fn begin(&mut self, now: Instant) {
        self.walk = Some(Walk { after: START.to_owned(), due_at: now, again: false });
    }

    /// A walk from the first entry after a pause, or after the one that goes on.
    pub(super) fn later(&mut self, now: Instant) {
        if let Some(walk) = &mut self.walk {
            walk.again = true;
        } else {
            let due_at = self.next(now);
            self.walk = Some(Walk { after: START.to_owned(), due_at, again: false });
        }
    }

    /// In how long a walk is due.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.walk.as_ref().map(|walk| walk.due_at.saturating_duration_since(now))
    }

    /// A walk that is due goes on.
    pub(super) fn take(&mut self, now: Instant) -> Option<Walk> {
        self.walk.take_if(|walk| walk.due_at <= now)
    }

    /// A page of the walk was tried up to here. It goes on behind that, after a pause if something
    /// was left.
    pub(super) fn go_on(&mut self, mut walk: Walk, tried: Option<String>, has_left: bool, now: Instant) {
        walk.again |= has_left;
        if has_left {
            walk.due_at = self.next(now);
        }
        walk.after = tried.unwrap_or(walk.after);
        self.walk = Some(walk);
    }

    /// The walk has met its last entry.
    pub(super) fn finish(&mut self, walk: &Walk, now: Instant) {
        if walk.again {
            self.later(now);
        } else {
            self.pause = PAUSES.0;
        }
    }

    /// The store takes something again: what it has missed is due at once.
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
