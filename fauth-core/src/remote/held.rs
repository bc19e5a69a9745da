//! A set of keys with its age.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    clock::{Timestamp, instant},
    token::PublicKeys,
};

/// The keys that were read last. Immutable: readers share it, a fetch replaces it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) keys: Arc<PublicKeys>,
    /// Where they came from and under which `ETag`; none for keys that are fixed.
    pub(super) tag: Option<Tag>,
    pub(super) life: Option<Life>,
}

/// What the server calls the answer, so that it need not send it again.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) url: String,
    pub(super) etag: String,
}

/// How long keys are good that were fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// When the fetch began, by the provider's clock. What the issuer removed before, they do not
    /// have.
    pub(super) since: Timestamp,
    /// The same by a clock that nobody sets.
    pub(super) since_instant: Instant,
    pub(super) fresh_for: Duration,
    /// When to fetch again in the background.
    pub(super) refresh_after: Duration,
    /// When they are given up.
    pub(super) usable_for: Duration,
}

/// What may be done with keys of some age.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) is_usable: bool,
    /// Is it time to fetch them again?
    pub(super) is_due: bool,
}

impl Life {
    /// The greater of the ages by the two clocks. One that is set back makes nothing young, and one
    /// that stood still while the machine was suspended neither.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.since).max(self.monotonic_age())
    }

    pub(super) fn monotonic_age(&self) -> Duration {
        instant().saturating_duration_since(self.since_instant)
    }
}

impl Held {
    pub(super) const fn fixed(keys: Arc<PublicKeys>) -> Self {
        Self { keys, tag: None, life: None }
    }

    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        self.life.is_none_or(|life| life.age(now) <= life.usable_for)
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.life.is_none_or(|life| life.age(now) <= life.fresh_for)
    }

    /// What each token asks, with one look at the clock.
    pub(super) fn state(&self, now: Timestamp) -> State {
        let Some(life) = self.life else { return State { is_usable: true, is_due: false } };
        let age = life.age(now);
        State { is_usable: age <= life.usable_for, is_due: age >= life.refresh_after }
    }
}
