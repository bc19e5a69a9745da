//! SQL stores: SQLite and PostgreSQL, through `sqlx`.
//!
//! Both databases use the same statements; `dialect.rs` contains the differences and the reasons
//! for them. Every write is a transaction of its own (`transaction.rs`). Every value is bound as a
//! parameter; only the checked prefix is written into the text.
//!
//! What belongs to a subject is found by its owner and its id, and the owner's three parts are
//! separate columns. An API key is found by its id alone, which begins with its owner's bucket.

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

/// All four storage traits in SQLite, for one machine: see [`SqlStore`] for the setup.
///
/// # Durability
/// A confirmed write survives the end of the process. Whether it survives a power failure depends
/// on the database's `synchronous` setting. With `FULL`, SQLite's default, it does. With `NORMAL`
/// and a write-ahead log, the last moments may be lost, and a logout with them.
///
/// # Concurrency
/// One transaction writes at a time. Writers in this process take turns in order of arrival. They
/// wait for writers in other processes for at most the pool's `busy_timeout` (5 s by default), and
/// then fail. With a write-ahead log (`journal_mode(SqliteJournalMode::Wal)`), readers never wait.
///
/// An in-memory database belongs to one connection and ends with it: give the pool
/// `max_connections(1)`, no `idle_timeout` and no `max_lifetime`.
#[cfg(feature = "sqlite")]
pub type SqliteStore = SqlStore<sqlx::Sqlite>;

/// All four storage traits in PostgreSQL (11 or newer), for any number of machines: see
/// [`SqlStore`] for the setup.
///
/// # TLS
/// A URL with `sslmode=require` encrypts the connection. `sslmode=verify-full` also checks the
/// server's certificate, against the system's trusted authorities or the file that `sslrootcert`
/// names. Both need the feature `tls`; use `verify-full` wherever the network to the server is not
/// your own. With the feature and without `sslmode`, TLS is used if the server offers it, and the
/// certificate is not checked.
///
/// # Poolers
/// PgBouncer is supported, also in transaction mode: no state is kept in the database session,
/// locks last for a transaction, and statements are prepared in the transaction that runs them.
/// That costs round trips; with direct connections to PostgreSQL,
/// [`danger_keep_statements`](SqlStore::danger_keep_statements) saves them. Connect with
/// [`connect`](SqlStore::connect), or with a pool whose options set `extra_float_digits(None)`.
///
/// # Durability
/// A confirmed write survives a crash of the server, unless its `fsync` or `synchronous_commit` is
/// off. A failover to a lagging replica loses what the replica had not received; use synchronous
/// replication where that matters.
///
/// # When it is down
/// Every call fails until the server is back; the pool then reconnects by itself (leave
/// `test_before_acquire` on). A hanging server makes calls hang: limit the wait with the pool's
/// `acquire_timeout`, and with the timeout of the provider or of the request. Calls are
/// cancel-safe: the transaction of a dropped call is rolled back, or was complete. The pool that
/// `connect` creates waits for 5 s.
///
/// # Partitions
/// Primary keys and statements begin with the owner: (`application`, `issuer`, `subject`) and an
/// id. The tables of sessions, one-time tokens and epochs can therefore be partitioned by the hash
/// of these three columns, and the table of API keys by its column `bucket`. Every statement except
/// a sweep then touches one partition.
///
/// # Text
/// PostgreSQL cannot store a NUL character: a subject, a session or a claim that contains one
/// results in an error and is never let through.
#[cfg(feature = "postgres")]
pub type PostgresStore = SqlStore<sqlx::Postgres>;
