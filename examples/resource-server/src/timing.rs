//! How long everything takes.

use std::time::Duration;

/// How long everything takes. The [default](Self::default) is what the command uses.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "tests set one time and leave the others")]
pub struct Timing {
    /// How long a service may use the keys that it has fetched without asking again: the `max-age`
    /// that the issuer sends. Whole seconds.
    pub max_age: Duration,
    /// How long a service goes on with these when the issuer does not answer.
    pub stale_for: Duration,
    /// From the publication of a key until it signs: at least twice `max_age`, and here one second
    /// more, because the ring counts whole seconds. Less than 60 seconds is only good where every
    /// service fetches as often as those of this example.
    pub lead: Duration,
    /// How long an access token lives.
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
