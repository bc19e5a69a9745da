//! The provider as an application sees it: what it builds, whom it lets in, what it says, and what
//! it keeps to itself.
//!
//! What can be seen over HTTP alone is in the conformance suite; here is what needs a look at
//! values, events, logs and time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod api_keys;
mod applications;
mod bare_tokens;
mod browser_sessions;
mod building;
mod challenges;
mod clients;
mod csrf;
mod ended;
mod events;
mod failures;
mod fleets;
mod floods;
mod forgetting;
mod golden;
mod grants;
mod limits;
mod login;
mod login_queue;
mod memories;
mod one_times;
mod own_logins;
mod pages;
mod requirements;
mod revocations;
mod routes;
mod secrets;
mod sessions;
mod stores;
mod support;
mod throttle;
mod wiring;
