//! What becomes of an attempt, and what every record can do.

use std::time::Duration;

use super::rules::Rules;
use crate::{clock::Timestamp, store::ThrottleRecord};

/// What strangers have done to an account, for administrators; from
/// [`AuthProvider::throttle_state`](crate::AuthProvider::throttle_state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThrottleState {
    /// How many attempts have failed one after the other, from addresses that are not familiar.
    /// Those of another account may be among them, if both share a record.
    pub failures: u32,
    /// When the next attempt from such an address is checked; zero if at once.
    pub retry_after: Duration,
    /// Whether such an address needs a mailed token.
    pub needs_unlock: bool,
    /// How many addresses are familiar.
    pub familiar_addresses: usize,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is counted, and may be checked.
    Counted,
    /// It is not.
    Refused(Refusal),
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How long until one is counted.
    pub(crate) retry_after: Duration,
    /// What has refused it, for events.
    pub(crate) reason: &'static str,
    /// Was none refused by the same record for a minute?
    pub(crate) is_first: bool,
}

/// What a store keeps, and its rules.
pub(crate) trait Record: Default {
    /// `None` for what no version has written.
    fn decode(bytes: &[u8]) -> Option<Self>;

    fn encode(&self) -> Vec<u8>;

    /// From then on it is worth no more than none.
    fn kept_until(&self, rules: &Rules, now: Timestamp) -> Timestamp;

    fn record(&self, rules: &Rules, now: Timestamp) -> ThrottleRecord {
        ThrottleRecord { bytes: self.encode(), kept_until: self.kept_until(rules, now) }
    }
}
