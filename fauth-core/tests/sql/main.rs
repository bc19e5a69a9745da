//! What SQLite and PostgreSQL have beyond the store suite: migrations, partitions, sweeps, calls
//! that are dropped half-way, clocks that are wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and one talks to its parent"
)]

mod support;

mod cancelling;
mod clocks;
mod crashing;
mod migrating;
mod owning;
mod racing;
mod sweeping;
