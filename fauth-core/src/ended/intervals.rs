//! The intervals at which open connections are checked, and how long checks may fail.

use std::time::Duration;

use crate::error::ConfigError;

/// Milliseconds since the hub was created, on a monotonic clock.
pub(crate) type Moment = u64;

/// The settings for open connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals {
    pub(crate) recheck: Duration,
    pub(crate) poll: Duration,
    pub(crate) unknown_after: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            recheck: Duration::from_secs(60),
            poll: Duration::from_secs(5),
            unknown_after: Duration::from_secs(60),
        }
    }
}

const LEAST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(60 * 60);

/// The longest pause after a failure.
const LONGEST_PAUSE: Moment = 10_000;

impl Intervals {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let Self { recheck, poll, unknown_after } = *self;
        for (field, span) in [
            ("ended_recheck_every", recheck),
            ("ended_poll_every", poll),
            ("ended_unknown_after", unknown_after),
        ] {
            if !(LEAST..=MOST).contains(&span) {
                let fix = "use 100 milliseconds to one hour";
                return Err(ConfigError::new(field, "the span is out of bounds", fix));
            }
        }
        Ok(())
    }

    /// How long to wait after a failure.
    pub(super) fn pause(&self) -> Moment {
        (moments(self.unknown_after) / 6).clamp(50, LONGEST_PAUSE)
    }
}

pub(super) fn moments(span: Duration) -> Moment {
    Moment::try_from(span.as_millis()).unwrap_or(Moment::MAX)
}

/// The number of steps of an interval: the task wakes up for turns at most this often, however many
/// there are.
const STEPS: Moment = 600;

/// The next turn of the user with this number, after `now`. Each user has one turn in each
/// interval, always at the same point of it, so that turns are spread evenly, and opening and
/// closing connections does not change them.
pub(super) fn next_turn(number: u128, every: Duration, now: Moment) -> Moment {
    let every = moments(every).max(1);
    let step = (every / STEPS).max(1);
    // The remainder is a number of steps.
    let steps = Moment::try_from(number % u128::from(every / step)).unwrap_or(0);
    let (phase, into) = (steps * step, now % every);
    let wait = if phase > into { phase - into } else { every - into + phase };
    now.saturating_add(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_one_turn_in_each_interval() {
        let every = Duration::from_secs(60);
        for number in [0, 1, 59_999, 60_000, 7_777_777, u128::MAX] {
            let mut now = 12_345;
            let first = next_turn(number, every, now);
            assert!(first > now && first <= now + 60_000, "{number}: {first}");
            for turn in 0..3 {
                let next = next_turn(number, every, now);
                assert_eq!(next, first + turn * 60_000, "{number}");
                assert_eq!(next_turn(number, every, next - 1), next, "whenever somebody asks");
                now = next;
            }
        }
    }

    #[test]
    fn turns_are_spread_evenly() {
        let every = Duration::from_secs(60);
        let mut counts = [0; 60];
        for number in 0..6_000_u128 {
            let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let turn = next_turn(number, every, 0) - 1;
            assert_eq!((turn + 1) % 100, 0, "six hundred wake-ups, however many there are");
            counts[usize::try_from(turn / 1000).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (50..=150).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_settings_have_bounds() {
        let check = |change: fn(&mut Intervals)| {
            let mut intervals = Intervals::default();
            change(&mut intervals);
            intervals.check().map_err(|error| error.field())
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|all| all.poll = LEAST), Ok(()));
        assert_eq!(check(|all| all.poll = MOST), Ok(()));
        assert_eq!(check(|all| all.poll = Duration::ZERO), Err("ended_poll_every"));
        assert_eq!(check(|all| all.recheck = MOST + LEAST), Err("ended_recheck_every"));
        assert_eq!(check(|all| all.unknown_after = Duration::MAX), Err("ended_unknown_after"));
    }
}
