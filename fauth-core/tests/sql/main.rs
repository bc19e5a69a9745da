//! What SQLite and PostgreSQL have beyond the store suite: migrations, partitions, sweeps, calls
//! that are dropped half-way, clocks that are wrong, poolers, TLS.

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
mod forgetting;
mod migrating;
mod owning;
mod pooling;
mod racing;
mod sockets;
mod sweeping;
#[cfg(feature = "tls")]
mod tls;
mod unreachable;
