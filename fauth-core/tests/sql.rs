//! What SQLite and PostgreSQL have beyond the store suite: migrations, sweeps, calls that are dropped half-way, clocks that are wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and one talks to its parent"
)]

#[path = "sql/support.rs"]
mod support;

#[path = "sql/cancelling.rs"]
mod cancelling;
#[path = "sql/clocks.rs"]
mod clocks;
#[path = "sql/crashing.rs"]
mod crashing;
#[path = "sql/migrating.rs"]
mod migrating;
#[path = "sql/racing.rs"]
mod racing;
#[path = "sql/sweeping.rs"]
mod sweeping;
