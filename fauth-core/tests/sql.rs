//! What SQLite and PostgreSQL have beyond the store suite: migrations, sweeps, calls that are dropped half-way.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

#[path = "sql/support.rs"]
mod support;

#[path = "sql/cancelling.rs"]
mod cancelling;
#[path = "sql/crashing.rs"]
mod crashing;
#[path = "sql/migrating.rs"]
mod migrating;
#[path = "sql/racing.rs"]
mod racing;
#[path = "sql/sweeping.rs"]
mod sweeping;
