//! Rate-limit counters.
//!
//! Each counter implements GCRA (the "virtual scheduling" form of ITU-T I.371): it is a single
//! point in time, the time at which everything taken from it is paid off. It needs one number per
//! key, has no window boundaries at which twice the quota could pass, and knows when the next
//! request is allowed.
//!
//! [`LimitWindow::after`] is the rule as a pure function. The memory store calls it, and a test
//! compares the Redis script with it.

use std::{borrow::Cow, fmt, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::{StoreError, StoreLocation};
use crate::error::ConfigError;

/// The maximum number of windows of a limit.
pub const MAX_LIMIT_WINDOWS: usize = 4;

/// The longest window.
pub const MAX_LIMIT_SPAN: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Counters have a resolution of this many bits per second: about a microsecond.
const TICK_BITS: u32 = 20;

/// At higher rates, rounding to ticks would matter.
const MAX_PER_SECOND: u64 = 10_000;

/// Five minutes, in ticks. A counter that is further ahead than its window plus this shows that a
/// clock has jumped back. A smaller lead is explained by clock differences between instances, and
/// the counter is not lowered.
pub(crate) const JUMP: u64 = (5 * 60) << TICK_BITS;

/// A point in time or a span, in the resolution of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    /// Drops fractions of a tick. Saturates, far beyond the year 9999.
    pub(crate) fn of(span: Duration) -> Self {
        let fraction = (u64::from(span.subsec_nanos()) << TICK_BITS) / 1_000_000_000;
        Self(span.as_secs().saturating_mul(1 << TICK_BITS).saturating_add(fraction))
    }

    /// Converts to a duration, rounded up to a microsecond.
    fn to_duration(self) -> Duration {
        let (seconds, fraction) = (self.0 >> TICK_BITS, self.0 & ((1 << TICK_BITS) - 1));
        Duration::from_secs(seconds)
            .saturating_add(Duration::from_micros((fraction * 1_000_000).div_ceil(1 << TICK_BITS)))
    }
}

/// A number of requests per span of time, at once or one after another.
///
/// A client that has used the quota gets one request back every `span / quota`, so it waits for
/// that long and not for the end of a window. In any span of this length, no more than `quota`
/// requests pass, plus those that came back meanwhile.
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
    /// The time in which one request comes back, rounded up. Computed once.
    interval: u64,
}

impl LimitWindow {
    /// Creates a window.
    ///
    /// # Errors
    /// [`ConfigError`] if the quota is zero, the span is not in whole seconds or longer than 31
    /// days, or the rate exceeds 10 000 requests per second.
    pub fn new(quota: u32, span: Duration) -> Result<Self, ConfigError> {
        let wrong = |problem, fix| Err(ConfigError::new("limit", problem, fix));
        if quota == 0 {
            return wrong("the quota is zero", "allow at least 1 request, or remove the route");
        }
        if span.subsec_nanos() != 0 || span.is_zero() || span > MAX_LIMIT_SPAN {
            return wrong("the span is out of bounds", "use whole seconds, up to 31 days");
        }
        if u64::from(quota) > span.as_secs().saturating_mul(MAX_PER_SECOND) {
            return wrong("the rate is too high to count", "allow up to 10000 requests per second");
        }
        let interval = Ticks::of(span).0.div_ceil(u64::from(quota));
        Ok(Self { quota, span, interval })
    }

    /// The number of requests.
    #[must_use]
    pub const fn quota(self) -> u32 {
        self.quota
    }

    /// The span of time.
    #[must_use]
    pub const fn span(self) -> Duration {
        self.span
    }

    /// How far ahead of the current time an exhausted counter is.
    pub(crate) fn full(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.quota))
    }

    /// How far one request moves a counter.
    pub(crate) const fn cost(self) -> u64 {
        self.interval
    }

    /// Applies the rule to a counter that is `used` ticks ahead of the current time when a request
    /// arrives. Returns how many ticks the counter is ahead afterwards; unchanged if the request is
    /// refused.
    ///
    /// A counter is never further ahead than the whole quota unless a clock has jumped back. This
    /// function caps it at the quota, so that the client does not have to wait until that clock has
    /// caught up; a backend caps it only beyond [`JUMP`].
    pub(crate) fn after(self, used: u64) -> (u64, LimitState) {
        let (interval, full) = (self.interval, self.full());
        let used = used.min(full);
        if used.saturating_add(interval) > full {
            return (used, self.refused(used));
        }
        (used + interval, self.at(used + interval))
    }

    /// The state of a counter when nothing is taken from it.
    pub(crate) fn at(self, used: u64) -> LimitState {
        let (interval, full) = (self.interval, self.full());
        let used = used.min(full);
        let free = (full - used) / interval;
        // Another request becomes available once the counter is no further ahead than this.
        let next = used.saturating_sub(full.saturating_sub((free + 1).saturating_mul(interval)));
        let remaining = u32::try_from(free).unwrap_or(u32::MAX);
        LimitState { remaining, next: Ticks(next).to_duration(), is_refused: false }
    }

    /// The state of an uncapped counter when a request is refused, by this window or by another
    /// one.
    #[cfg(feature = "redis")]
    pub(crate) fn when_refused(self, used: u64) -> LimitState {
        if used.saturating_add(self.interval) > self.full() { self.refused(used) } else { self.at(used) }
    }

    /// The state of a counter without room for another request.
    pub(crate) fn refused(self, used: u64) -> LimitState {
        let wait = used.saturating_add(self.interval).saturating_sub(self.full()).max(1);
        LimitState { remaining: 0, next: Ticks(wait).to_duration(), is_refused: true }
    }

    /// Gives back what one request has taken.
    pub(crate) fn given_back(self, used: u64) -> u64 {
        used.saturating_sub(self.interval)
    }
}

/// Formats the window as it is written in a limit: `5/minute`, `100/15 minutes`.
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

/// Identifies a counter: a key of one limit of one application.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterKey<'a> {
    scope: [u8; 32],
    key: Cow<'a, [u8]>,
}

impl<'a> CounterKey<'a> {
    /// Creates a key. The `scope` identifies the limit and its application: see
    /// [`scope_of`](Self::scope_of).
    #[must_use]
    pub fn new(scope: [u8; 32], key: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { scope, key: key.into() }
    }

    /// Computes a scope from its parts, such as an application, the name of a limit and its policy.
    /// Different parts give different scopes.
    #[must_use]
    pub fn scope_of<'p>(parts: impl IntoIterator<Item = &'p str>) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }

    /// The scope: which limit the counter belongs to.
    #[must_use]
    pub const fn scope(&self) -> &[u8; 32] {
        &self.scope
    }

    /// Whose requests are counted, such as an address or a user.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Converts to an owned key.
    #[must_use]
    pub fn into_owned(self) -> CounterKey<'static> {
        CounterKey { scope: self.scope, key: Cow::Owned(self.key.into_owned()) }
    }

    /// SHA-256 of the scope and the key, for backends with short keys that must not reveal whose
    /// requests are counted.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.scope).chain_update(&self.key).finalize().into()
    }
}

/// The result of one window for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    remaining: u32,
    next: Duration,
    is_refused: bool,
}

impl LimitState {
    /// Creates a state from what a backend has counted: how many more requests pass at once, how
    /// long until another one becomes available, and whether this window refuses the request.
    #[must_use]
    pub const fn new(remaining: u32, next: Duration, is_refused: bool) -> Self {
        Self { remaining, next, is_refused }
    }

    /// How many more requests pass at once.
    #[must_use]
    pub const fn remaining(self) -> u32 {
        self.remaining
    }

    /// How long until another request becomes available.
    #[must_use]
    pub const fn next(self) -> Duration {
        self.next
    }

    /// Whether this window refuses the request.
    #[must_use]
    pub const fn is_refused(self) -> bool {
        self.is_refused
    }
}

/// The result of a limit for a request: the state of each window, in the order of the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    states: [Option<LimitState>; MAX_LIMIT_WINDOWS],
    is_first_refusal: bool,
}

impl Taken {
    /// Creates a result from the states of the windows. `is_first_refusal` means that the request
    /// is refused and the previous request of this key was not.
    #[must_use]
    pub fn new(states: impl IntoIterator<Item = LimitState>, is_first_refusal: bool) -> Self {
        let mut taken = Self { is_first_refusal, ..Self::default() };
        for (place, state) in taken.states.iter_mut().zip(states) {
            *place = Some(state);
        }
        taken
    }

    /// The states of the windows, in order.
    pub fn states(&self) -> impl Iterator<Item = LimitState> {
        self.states.into_iter().flatten()
    }

    /// Whether the request is refused. In that case no window has counted it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.states().any(LimitState::is_refused)
    }

    /// Whether this is the first refused request of its key since the last one that passed. An
    /// event is raised only for that one, not for each request of a flood.
    #[must_use]
    pub const fn is_first_refusal(&self) -> bool {
        self.is_first_refusal
    }

    /// How long until all windows admit a request; zero if this request is not refused.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        let waits = self.states().filter(|state| state.is_refused).map(LimitState::next);
        waits.max().unwrap_or_default()
    }
}

/// A store of rate-limit counters.
///
/// The provider's built-in counters are a fixed array in memory
/// ([`MemoryLimits`](crate::store::MemoryLimits)) and apply to one instance. For several instances
/// that count together, pass a shared backend to
/// [`limit_store`](crate::AuthProviderBuilder::limit_store).
///
/// A backend may drop a counter once it equals an unused one. Its size must not grow without bound
/// with the keys that clients send.
#[async_trait]
pub trait LimitStore: Send + Sync + 'static {
    /// Where the store keeps its data; see [`StoreLocation`].
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Takes one request of `key` from each of these windows (at most [`MAX_LIMIT_WINDOWS`]), or
    /// from none of them if one is exhausted. Atomic: however many requests arrive at once, no more
    /// pass than if they arrived one after another.
    ///
    /// A window is identified by its position in the list. A caller that changes the list must
    /// change the scope of the key.
    ///
    /// # Errors
    /// [`StoreError`] if the request cannot be counted. Depending on its configuration, the
    /// provider then refuses with 503 or counts by itself.
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
        // One tick too early, and in time.
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
        /// A request is admitted after the wait in `Retry-After`, and not earlier.
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

        /// In any span, no more requests pass than the quota plus those that come back meanwhile.
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
