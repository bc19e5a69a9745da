//! The decision about an attempt, and the trait of all records.

use std::time::Duration;

use super::rules::Rules;
use crate::{clock::Timestamp, store::ThrottleRecord};

/// The throttle state of an account, for administrators; from
/// [`AuthProvider::throttle_state`](crate::AuthProvider::throttle_state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThrottleState {
    /// The number of consecutive failures from addresses that are not familiar. Failures of another
    /// account may be included, if both share a record.
    pub failures: u32,
    /// How long until the next attempt from such an address is checked; zero if at once.
    pub retry_after: Duration,
    /// Whether an attempt from such an address needs a mailed token.
    pub needs_unlock: bool,
    /// The number of familiar addresses.
    pub familiar_addresses: usize,
}

/// The decision about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The attempt is counted and may be checked.
    Counted,
    /// The attempt is refused and not counted.
    Refused(Refusal),
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How long until another attempt is counted.
    pub(crate) retry_after: Duration,
    /// What caused the refusal, for events.
    pub(crate) reason: &'static str,
    /// Whether this is the first refusal by the same record within a minute.
    pub(crate) is_first: bool,
}

/// A record as stored, with its rules.
pub(crate) trait Record: Default {
    /// `None` for bytes that no version of fauth has written.
    fn decode(bytes: &[u8]) -> Option<Self>;

    fn encode(&self) -> Vec<u8>;

    /// The time from which the record is equivalent to none.
    fn kept_until(&self, rules: &Rules, now: Timestamp) -> Timestamp;

    fn record(&self, rules: &Rules, now: Timestamp) -> ThrottleRecord {
        ThrottleRecord { bytes: self.encode(), kept_until: self.kept_until(rules, now) }
    }
}
