//! A key set with its age.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    clock::{Timestamp, instant},
    token::PublicKeys,
};

/// The keys that were read last. Immutable: readers share it, and a fetch replaces it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) keys: Arc<PublicKeys>,
    /// The URL they came from and its `ETag`; `None` for fixed keys.
    pub(super) tag: Option<Tag>,
    pub(super) life: Option<Life>,
}

/// The server's tag for the response, so that an unchanged response need not be sent again.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) url: String,
    pub(super) etag: String,
}

/// How long fetched keys are valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// When the fetch began, by the provider's clock. Keys that the issuer removed earlier are not
    /// in the set.
    pub(super) since: Timestamp,
    /// The same by the monotonic clock.
    pub(super) since_instant: Instant,
    pub(super) fresh_for: Duration,
    /// When to refresh in the background.
    pub(super) refresh_after: Duration,
    /// When the keys are discarded.
    pub(super) usable_for: Duration,
}

/// What keys of a certain age may be used for.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) is_usable: bool,
    /// Whether it is time to refresh them.
    pub(super) is_due: bool,
}

impl Life {
    /// The greater of the ages by the two clocks: neither setting the clock back nor suspending the
    /// machine makes keys younger.
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

    /// Checked for every token, with one look at the clock.
    pub(super) fn state(&self, now: Timestamp) -> State {
        let Some(life) = self.life else { return State { is_usable: true, is_due: false } };
        let age = life.age(now);
        State { is_usable: age <= life.usable_for, is_due: age >= life.refresh_after }
    }
}
