//! SQLite and PostgreSQL, through `sqlx`.
//!
//! One text for each statement serves both; where the databases differ, `dialect.rs` says how and
//! why. Every write is a transaction of its own (`transaction.rs`), every value is bound as a
//! parameter, and only the checked prefix is written into the text.
//!
//! What belongs to a subject is found by its owner and its id, and the owner's three parts are
//! columns of their own. An API key is found by its id alone, which begins with its owner's
//! bucket.

mod api_keys;
mod dialect;
mod failure;
mod migrate;
mod one_times;
#[cfg(test)]
#[cfg(all(feature = "sqlite", feature = "postgres"))]
mod plans;
mod reader;
mod revocations;
mod sessions;
mod statements;
mod store;
mod throttles;
mod transaction;
mod value;

pub use self::{dialect::SqlDialect, store::SqlStore};

/// All four stores in SQLite, for one machine: see [`SqlStore`] for how to set it up.
///
/// # Durability
/// What was confirmed survives the end of the process. Whether it survives a power failure depends
/// on the database's `synchronous` setting: with `FULL`, SQLite's default, it does; with `NORMAL`
/// and a write-ahead log the last moments may be lost, and a logout with them.
///
/// # Concurrency
/// One transaction writes at a time. Writers of this process take turns in the order in which they
/// came; they wait for writers of other processes as long as the pool's `busy_timeout` says (5 s
/// by default), and then fail. With a write-ahead log (`journal_mode(SqliteJournalMode::Wal)`)
/// readers never wait.
///
/// A database in memory lives in one connection and ends with it: give the pool
/// `max_connections(1)`, no `idle_timeout` and no `max_lifetime`.
#[cfg(feature = "sqlite")]
pub type SqliteStore = SqlStore<sqlx::Sqlite>;

/// All four stores in PostgreSQL (11 or newer), for any number of machines: see [`SqlStore`] for
/// how to set it up.
///
/// # TLS
/// A URL with `sslmode=require` encrypts, `sslmode=verify-full` checks the server's certificate
/// too, against the authorities that the system trusts or the file that `sslrootcert` names. Both
/// need the feature `tls`; use the latter wherever the way to the server is not your own. With the
/// feature, and without `sslmode`, TLS is used if the server offers it, and unchecked.
///
/// # Poolers
/// PgBouncer may stand before it, also in transaction mode: nothing is kept in a session, locks
/// last for a transaction, and statements are prepared in the transaction that runs them. That
/// costs round trips; where connections lead to PostgreSQL itself,
/// [`danger_keep_statements`](SqlStore::danger_keep_statements) saves them. Connect with
/// [`connect`](SqlStore::connect), or with a pool whose options say `extra_float_digits(None)`.
///
/// # Durability
/// What was confirmed survives a crash of the server, unless its `fsync` or `synchronous_commit`
/// is off. A failover to a replica that lags behind loses what the replica had not received:
/// replicate synchronously where that matters.
///
/// # When it is down
/// Every call fails until the server is back; then the pool connects again by itself (leave
/// `test_before_acquire` on). A server that hangs makes calls hang: bound the wait with the pool's
/// `acquire_timeout` and with the time limit of the provider or of the request. Dropping a call is
/// safe: its transaction is rolled back, or was complete. The pool that `connect` makes waits for
/// 5 s.
///
/// # Partitions
/// Primary keys and statements begin with the owner: (`application`, `issuer`, `subject`) and an
/// id. So the tables of sessions, one-time tokens and epochs can be partitioned by the hash of
/// these three columns, and the table of API keys by its column `bucket`; every statement but a
/// sweep then touches one partition.
///
/// # Text
/// PostgreSQL cannot store a NUL character: a subject, a session or a claim that contains one is
/// an error, never a pass.
#[cfg(feature = "postgres")]
pub type PostgresStore = SqlStore<sqlx::Postgres>;
