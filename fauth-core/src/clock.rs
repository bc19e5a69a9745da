//! The time, which is read in one place so that tests can control it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// A point in time, in whole seconds since the Unix epoch, as a `NumericDate` ([RFC 7519 section
/// 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second of the year 9999, the latest time that a token may name.
    pub const MAX: Self = Self(253_402_300_799);

    /// Creates the point in time `seconds` after the Unix epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the whole seconds since the Unix epoch.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Adds a span in whole seconds, dropping a fraction of a second. Returns `None` on overflow.
    #[must_use]
    pub fn checked_add(self, span: Duration) -> Option<Self> {
        i64::try_from(span.as_secs()).ok().and_then(|span| self.0.checked_add(span)).map(Self)
    }

    /// Returns the time elapsed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.checked_sub(earlier.0).and_then(|s| u64::try_from(s).ok()).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The clock cannot tell the time. The request is refused with 503.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the clock returned no usable time")]
#[non_exhaustive]
pub struct ClockError;

impl ClockError {
    /// Creates the error that a [`Clock`] returns if it does not know the time.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// The source of the time. Every expiry in fauth is decided by it alone.
///
/// # Security
/// A clock that is behind keeps expired tokens valid. Use a synchronised clock.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    ///
    /// # Errors
    /// [`ClockError`] if the time is unavailable; the request is then refused with 503.
    fn now(&self) -> Result<Timestamp, ClockError>;

    /// Returns the current time since the Unix epoch, as precisely as the clock can; rate limits
    /// use it. Default: the whole seconds of [`now`](Self::now), with which limits of a few
    /// requests per second are coarse, but never grant the same allowance twice.
    ///
    /// # Errors
    /// [`ClockError`] if the time is unavailable, or before 1970.
    fn now_precise(&self) -> Result<Duration, ClockError> {
        u64::try_from(self.now()?.unix_seconds()).map(Duration::from_secs).map_err(|_| ClockError)
    }
}

/// The operating system's clock. The default.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "written as a value: `SystemClock`")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        i64::try_from(self.now_precise()?.as_secs()).map(Timestamp).map_err(|_| ClockError)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    fn now_precise(&self) -> Result<Duration, ClockError> {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| ClockError)
    }
}

/// A point on the monotonic clock, to measure ages.
pub(crate) fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Parses a span such as `900s`, `15m`, `1h` or `7d`.
///
/// A number without a unit is refused: whether it means seconds or minutes is too easily mistaken.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => 24 * 60 * 60,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_refuses_overflow() {
        assert_eq!(
            Timestamp(1).checked_add(Duration::from_secs(2)),
            Some(Timestamp(3)),
            "the positive beside the negative"
        );
        assert_eq!(Timestamp(1).checked_add(Duration::MAX), None);
        assert_eq!(Timestamp(i64::MAX).checked_add(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_span_never_goes_below_zero() {
        assert_eq!(Timestamp(5).since(Timestamp(2)), Duration::from_secs(3));
        assert_eq!(Timestamp(2).since(Timestamp(5)), Duration::ZERO);
        assert_eq!(Timestamp(i64::MAX).since(Timestamp(i64::MIN)), Duration::ZERO);
    }
}
