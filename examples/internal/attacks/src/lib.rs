//! What one stranger can do to everybody else, measured over sockets and through the public API.
//!
//! - [`revoking`]: one account ends its session again and again. Does it fill what others need for
//!   theirs?
//! - [`locking_out`]: one address, or fifty, log in without end, at an account of nobody or at the
//!   victim's own. Does the victim still get in elsewhere, and what do guarded routes notice?
//!
//! `cargo run --release -p attacks`, with `-- revoking` or `-- locking-out` for one of them, and
//! with `--quick` for less of each; `--without-throttle` switches the login throttle off, so that
//! what it does can be compared. `FAUTH_REDIS_URL` names a Redis for the first; **it is written
//! to**. The clients share the machine with the server, and come from 127.0.0.0/8, all of which
//! Linux answers for.

mod client;
pub mod locking_out;
pub mod revoking;
mod server;

use std::time::Duration;

/// A target, and whether it is met.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Verdict {
    /// What is measured, and the bound.
    pub name: String,
    /// Is it within the bound?
    pub holds: bool,
}

/// What this percentage of the times was at most. They are in ascending order.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let last = times.len().saturating_sub(1);
    times.get(last * percent / 100).copied().unwrap_or_default()
}
