//! All time spans.

use std::time::Duration;

/// All time spans. The command uses the [default](Self::default).
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "tests set one time and leave the others")]
pub struct Timing {
    /// How long a service may use fetched keys before it fetches again: the `max-age` that the
    /// issuer sends. Whole seconds.
    pub max_age: Duration,
    /// How long a service continues to use them if the issuer does not answer.
    pub stale_for: Duration,
    /// The time from the publication of a key until it signs: at least twice `max_age`, and here
    /// one second more, because the ring counts whole seconds. Less than 60 seconds is safe only if
    /// every service fetches as often as those of this example.
    pub lead: Duration,
    /// The lifetime of an access token.
    pub token: Duration,
    /// How long a login can be refreshed, and so how long an old key verifies.
    pub login: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(1),
            stale_for: Duration::from_secs(10),
            lead: Duration::from_secs(3),
            token: Duration::from_secs(4),
            login: Duration::from_secs(30),
        }
    }
}
