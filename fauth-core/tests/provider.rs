//! The provider as an application sees it: what it builds, whom it lets in, what it says, and what it keeps to itself.
//!
//! What can be seen over HTTP alone is in the conformance suite; here is what needs a look at values, events, logs and time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

#[path = "provider/api_keys.rs"]
mod api_keys;
#[path = "provider/building.rs"]
mod building;
#[path = "provider/challenges.rs"]
mod challenges;
#[path = "provider/events.rs"]
mod events;
#[path = "provider/failures.rs"]
mod failures;
#[path = "provider/golden.rs"]
mod golden;
#[path = "provider/grants.rs"]
mod grants;
#[path = "provider/login.rs"]
mod login;
#[path = "provider/one_time.rs"]
mod one_time;
#[path = "provider/requirements.rs"]
mod requirements;
#[path = "provider/revocation.rs"]
mod revocation;
#[path = "provider/routes.rs"]
mod routes;
#[path = "provider/secrets.rs"]
mod secrets;
#[path = "provider/sessions.rs"]
mod sessions;
#[path = "provider/stores.rs"]
mod stores;
#[path = "provider/support.rs"]
mod support;
