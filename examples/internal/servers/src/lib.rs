//! Real servers for tests: Redis, PostgreSQL and PgBouncer from Debian's packages, each on a free
//! port and in a folder of its own.
//!
//! A server ends with the process that started it, whatever becomes of that: a watchdog of the
//! shell waits for the end of a pipe.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    reason = "this crate is test code: its failures are meant to be panics"
)]

mod certificate;
mod folder;
mod pgbouncer;
mod postgres;
mod process;
mod redis;

pub use certificate::Certificate;
pub use folder::Folder;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use process::{Process, Signal, free_port};
pub use redis::Redis;
