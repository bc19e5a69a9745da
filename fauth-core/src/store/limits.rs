//! Counters of requests: what a rate limit is kept in.
//!
//! Each counter is a GCRA (the "virtual scheduling" form of ITU-T I.371): one point in time, until
//! which what was taken is paid off. It needs one number for each key, has no edges between
//! windows at which twice as much would be let through, and tells when the next request is due.
//!
//! [`LimitWindow::after`] is the rule as a pure function. The memory calls it, and the script of
//! Redis is held against it by a test.

use std::{borrow::Cow, fmt, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::{StoreError, StoreLocation};
use crate::error::ConfigError;

/// A limit has so many windows at most.
pub const MAX_LIMIT_WINDOWS: usize = 4;

/// The longest window.
pub const MAX_LIMIT_SPAN: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Counters count in parts of a second of this many bits: about a microsecond.
const TICK_BITS: u32 = 20;

/// At a faster rate the length of a tick would show.
const MAX_PER_SECOND: u64 = 10_000;

/// Five minutes, in ticks. A counter that is further beyond its window says that a clock has jumped
/// back; less is how far the clocks of instances may differ, and its time is not lowered.
pub(crate) const JUMP: u64 = (5 * 60) << TICK_BITS;

/// A point in time, or a span, as counters know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    /// Fractions of a tick are dropped. Far beyond the year 9999 it stands still.
    pub(crate) fn of(span: Duration) -> Self {
        let fraction = (u64::from(span.subsec_nanos()) << TICK_BITS) / 1_000_000_000;
        Self(span.as_secs().saturating_mul(1 << TICK_BITS).saturating_add(fraction))
    }

    /// As a span, rounded up to a microsecond.
    fn to_duration(self) -> Duration {
        let (seconds, fraction) = (self.0 >> TICK_BITS, self.0 & ((1 << TICK_BITS) - 1));
        Duration::from_secs(seconds)
            .saturating_add(Duration::from_micros((fraction * 1_000_000).div_ceil(1 << TICK_BITS)))
    }
}

/// So many requests in so long a span: at once, or one after the other.
///
/// Whoever has taken all gets one back every `span / quota`, so that the next request waits for
/// that and not for the end of a window. In no span of this length are more than `quota` let
/// through beyond what has come back meanwhile.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::store::LimitWindow;
///
/// let window = LimitWindow::new(5, Duration::from_secs(60))?;
/// assert_eq!((window.quota(), window.to_string()), (5, "5/minute".to_owned()));
/// assert!(LimitWindow::new(0, Duration::from_secs(60)).is_err());
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitWindow {
    quota: u32,
    span: Duration,
    /// The time in which one request comes back, rounded up: divided here, once.
    interval: u64,
}

impl LimitWindow {
    /// A window.
    ///
    /// # Errors
    /// [`ConfigError`] if the quota is zero, the span is not of whole seconds up to 31 days, or
    /// the rate is above 10 000 requests in a second.
    pub fn new(quota: u32, span: Duration) -> Result<Self, ConfigError> {
        let wrong = |problem, fix| Err(ConfigError::new("limit", problem, fix));
        if quota == 0 {
            return wrong("it lets nothing through", "allow at least 1, or remove the route");
        }
        if span.subsec_nanos() != 0 || span.is_zero() || span > MAX_LIMIT_SPAN {
            return wrong("the window is out of bounds", "use whole seconds, up to 31 days");
        }
        if u64::from(quota) > span.as_secs().saturating_mul(MAX_PER_SECOND) {
            return wrong("the rate is above what can be counted", "allow up to 10000 in a second");
        }
        let interval = Ticks::of(span).0.div_ceil(u64::from(quota));
        Ok(Self { quota, span, interval })
    }

    /// How many requests.
    #[must_use]
    pub const fn quota(self) -> u32 {
        self.quota
    }

    /// In how long.
    #[must_use]
    pub const fn span(self) -> Duration {
        self.span
    }

    /// How far ahead of the present a counter is that has nothing left.
    pub(crate) fn full(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.quota))
    }

    /// What one request takes.
    pub(crate) const fn cost(self) -> u64 {
        self.interval
    }

    /// The rule: what becomes of a counter that is `used` ticks ahead of the present when one more
    /// request comes. The number of ticks that it is ahead afterwards; the same as before if the
    /// request is refused.
    ///
    /// A counter is never further ahead than the whole quota, unless a clock has jumped back. It
    /// is cut to the quota here, or its client would have to wait until that clock has caught up;
    /// a backend does so only beyond [`JUMP`].
    pub(crate) fn after(self, used: u64) -> (u64, LimitState) {
        let (interval, full) = (self.interval, self.full());
        let used = used.min(full);
        if used.saturating_add(interval) > full {
            return (used, self.refused(used));
        }
        (used + interval, self.at(used + interval))
    }

    /// The state of a counter that nothing is taken from.
    pub(crate) fn at(self, used: u64) -> LimitState {
        let (interval, full) = (self.interval, self.full());
        let used = used.min(full);
        let free = (full - used) / interval;
        // There is one more when the counter is no further ahead than this.
        let next = used.saturating_sub(full.saturating_sub((free + 1).saturating_mul(interval)));
        let remaining = u32::try_from(free).unwrap_or(u32::MAX);
        LimitState { remaining, next: Ticks(next).to_duration(), is_refused: false }
    }

    /// The state of a counter, as far ahead as it is, when a request is refused, by this window or
    /// by another.
    #[cfg(feature = "redis")]
    pub(crate) fn when_refused(self, used: u64) -> LimitState {
        if used.saturating_add(self.interval) > self.full() { self.refused(used) } else { self.at(used) }
    }

    /// The state of a counter that has no room for another request.
    pub(crate) fn refused(self, used: u64) -> LimitState {
        let wait = used.saturating_add(self.interval).saturating_sub(self.full()).max(1);
        LimitState { remaining: 0, next: Ticks(wait).to_duration(), is_refused: true }
    }

    /// What one request has taken is given back.
    pub(crate) fn given_back(self, used: u64) -> u64 {
        used.saturating_sub(self.interval)
    }
}

/// As it is written: `5/minute`, `100/15 minutes`.
impl fmt::Display for LimitWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.span.as_secs();
        let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
        let unit = units.into_iter().find(|(_, length)| seconds.is_multiple_of(*length));
        let (name, length) = unit.unwrap_or(("second", 1));
        match seconds / length {
            1 => write!(f, "{}/{name}", self.quota),
            count => write!(f, "{}/{count} {name}s", self.quota),
        }
    }
}

/// Whose requests a counter counts: one key of one limit of one application.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterKey<'a> {
    scope: [u8; 32],
    key: Cow<'a, [u8]>,
}

impl<'a> CounterKey<'a> {
    /// A key. The `scope` says of which limit, and of which application: see
    /// [`scope`](Self::scope_of).
    #[must_use]
    pub fn new(scope: [u8; 32], key: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { scope, key: key.into() }
    }

    /// A scope from its parts, such as an application, the name of a limit and its policy. Scopes
    /// of different parts are different.
    #[must_use]
    pub fn scope_of<'p>(parts: impl IntoIterator<Item = &'p str>) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }

    /// Of which limit it is.
    #[must_use]
    pub const fn scope(&self) -> &[u8; 32] {
        &self.scope
    }

    /// Who it is.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The same, with its own copy of the key.
    #[must_use]
    pub fn into_owned(self) -> CounterKey<'static> {
        CounterKey { scope: self.scope, key: Cow::Owned(self.key.into_owned()) }
    }

    /// SHA-256 of all of it, for backends whose keys are short and that must not show who it is.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.scope).chain_update(&self.key).finalize().into()
    }
}

/// What one window says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    remaining: u32,
    next: Duration,
    is_refused: bool,
}

impl LimitState {
    /// What a backend has counted: how many more requests are let through at once, how long until
    /// there is one more, and whether this window refuses the request.
    #[must_use]
    pub const fn new(remaining: u32, next: Duration, is_refused: bool) -> Self {
        Self { remaining, next, is_refused }
    }

    /// How many more requests are let through at once.
    #[must_use]
    pub const fn remaining(self) -> u32 {
        self.remaining
    }

    /// How long until there is one more.
    #[must_use]
    pub const fn next(self) -> Duration {
        self.next
    }

    /// Does this window refuse the request?
    #[must_use]
    pub const fn is_refused(self) -> bool {
        self.is_refused
    }
}

/// What has become of a request: of each window its state, in the order of the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    states: [Option<LimitState>; MAX_LIMIT_WINDOWS],
    is_first_refusal: bool,
}

impl Taken {
    /// From the states of the windows. `is_first_refusal`: the request is refused, and the last
    /// one of this key was not.
    #[must_use]
    pub fn new(states: impl IntoIterator<Item = LimitState>, is_first_refusal: bool) -> Self {
        let mut taken = Self { is_first_refusal, ..Self::default() };
        for (place, state) in taken.states.iter_mut().zip(states) {
            *place = Some(state);
        }
        taken
    }

    /// The states of the windows.
    pub fn states(&self) -> impl Iterator<Item = LimitState> {
        self.states.into_iter().flatten()
    }

    /// Is the request refused? Then no window has counted it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.states().any(LimitState::is_refused)
    }

    /// Is this the first refused request of its key since the last that was let through? So
    /// that an event is raised once, and not for each request of a flood.
    #[must_use]
    pub const fn is_first_refusal(&self) -> bool {
        self.is_first_refusal
    }

    /// How long until all windows let a request through; zero if this one is not refused.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        let waits = self.states().filter(|state| state.is_refused).map(LimitState::next);
        waits.max().unwrap_or_default()
    }
}

/// Keeps the counters of rate limits.
///
/// The built-in counters of a provider lie in a fixed array in memory
/// ([`MemoryLimits`](crate::store::MemoryLimits)) and hold for one instance. For several instances
/// that count together, give [`limit_store`](crate::AuthProviderBuilder::limit_store) a backend
/// that they share.
///
/// A backend may forget a counter once it is as if nothing had been taken, and must not grow with
/// what strangers send.
#[async_trait]
pub trait LimitStore: Send + Sync + 'static {
    /// Where it keeps things; see [`StoreLocation`].
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Takes one request of `key` from each of these windows (at most [`MAX_LIMIT_WINDOWS`]), or
    /// from none of them if one has nothing left. Atomic: of any number of requests at once, no
    /// more are let through than one after the other.
    ///
    /// A window is known by its place in the list: whoever changes the list changes the scope of
    /// the key.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be counted. The provider then refuses with 503 or counts by
    /// itself, as it was told.
    async fn take(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
        now: Duration,
    ) -> Result<Taken, StoreError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(quota: u32, seconds: u64) -> LimitWindow {
        LimitWindow::new(quota, Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn the_quota_is_let_through_at_once_and_no_more() {
        let window = window(5, 60);
        let mut used = 0;
        for left in (0..5).rev() {
            let (after, state) = window.after(used);
            assert_eq!((state.remaining(), state.is_refused()), (left, false));
            assert_eq!(state.next(), Duration::from_secs(12), "one is back after a fifth of a minute");
            used = after;
        }
        let (after, state) = window.after(used);
        assert_eq!((after, state.remaining(), state.is_refused()), (used, 0, true));
        assert_eq!(state.next(), Duration::from_secs(12));
        // A tick before the time, and then.
        let twelve = Ticks::of(Duration::from_secs(12)).0;
        assert!(window.after(used - twelve + 1).1.is_refused());
        assert!(!window.after(used - twelve).1.is_refused());
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out_for_longer_than_one_interval() {
        let window = window(5, 60);
        let (after, state) = window.after(u64::MAX);
        assert_eq!((after, state.is_refused(), state.next()), (window.full(), true, Duration::from_secs(12)));
    }

    #[test]
    fn windows_have_bounds() {
        for (quota, seconds) in [(1, 1), (10_000, 1), (1, 31 * 86_400), (u32::MAX, 31 * 86_400)] {
            assert!(LimitWindow::new(quota, Duration::from_secs(seconds)).is_ok(), "{quota}/{seconds}");
        }
        for (quota, seconds) in [(0, 1), (10_001, 1), (1, 0), (1, 31 * 86_400 + 1)] {
            assert!(LimitWindow::new(quota, Duration::from_secs(seconds)).is_err(), "{quota}/{seconds}");
        }
        assert!(LimitWindow::new(1, Duration::from_millis(1500)).is_err());
        assert_eq!(window(1, 90).to_string(), "1/90 seconds");
        assert_eq!(window(100, 900).to_string(), "100/15 minutes");
        assert_eq!(window(3, 86_400).to_string(), "3/day");
    }

    #[test]
    fn no_two_keys_and_no_two_scopes_share_a_digest() {
        let scopes = [["a", "b"], ["ab", ""], ["", "ab"], ["b", "a"]].map(CounterKey::scope_of);
        let mut digests = std::collections::HashSet::new();
        for scope in scopes {
            for key in ["", "a", "b", "ab"] {
                assert!(digests.insert(CounterKey::new(scope, key.as_bytes()).digest()));
            }
        }
    }

    proptest! {
        /// What is promised in `Retry-After` holds, and not a moment earlier.
        #[test]
        fn whoever_waits_as_told_is_let_in(quota in 1_u32..5_000, seconds in 1_u64..100_000, used in any::<u64>()) {
            prop_assume!(u64::from(quota) <= seconds * 1_000);
            let window = window(quota, seconds);
            let used = used % (window.full() + 1);
            let (_, state) = window.after(used);
            if state.is_refused() {
                let wait = Ticks::of(state.next()).0;
                prop_assert!(!window.after(used.saturating_sub(wait)).1.is_refused());
                prop_assert!(window.after(used.saturating_sub(wait.saturating_sub(2))).1.is_refused() || wait <= 2);
            }
        }

        /// In any span, no more than the quota and what comes back meanwhile.
        #[test]
        fn no_more_than_the_quota_is_let_through(
            quota in 1_u32..50,
            seconds in 1_u64..1_000,
            pauses in prop::collection::vec(0_u64..200_000, 1..200),
        ) {
            let window = window(quota, seconds);
            let (mut used, mut passed, mut time) = (0_u64, 0_u64, 0_u64);
            for pause in pauses {
                let ticks = pause << 8;
                time += ticks;
                let (after, state) = window.after(used.saturating_sub(ticks));
                used = after;
                passed += u64::from(!state.is_refused());
                prop_assert!(passed <= u64::from(quota) + time / window.cost());
            }
        }
    }
}
