//! SQLite and PostgreSQL, through `sqlx`.
//!
//! One text for each statement serves both: where the two differ, `dialect.rs` says how and why. Every write is a transaction of its own
//! (`work.rs`), every value is bound as a parameter, and only the checked prefix is written into the text.

mod api_keys;
mod dialect;
mod migrate;
mod one_times;
mod reader;
mod revocations;
mod sessions;
mod statements;
mod transaction;

use std::{fmt, sync::Arc};

use sqlx::Pool;
use tokio::sync::Mutex;

use self::{
    dialect::{Dialect, Value},
    statements::Statements,
    transaction::{Transaction, failure},
};
use super::StoreError;
use crate::{
    clock::{Clock, SystemClock},
    error::ConfigError,
};

/// Names of PostgreSQL have 63 bytes at most, and the longest that follows the prefix has 23.
const MAX_PREFIX: usize = 30;

/// The names of all tables begin so, unless another prefix is set.
const DEFAULT_PREFIX: &str = "fauth_";

/// A database that `sqlx` can talk to and that fauth has statements for: [`sqlx::Sqlite`] and [`sqlx::Postgres`], each behind its feature.
pub trait SqlDialect: Dialect {}

impl<D: Dialect> SqlDialect for D {}

/// All four stores in SQLite, for one machine: [`SqlStore`] says how.
///
/// # Durability
/// What was confirmed survives the end of the process. Whether it survives the end of power is for the database's `synchronous` to say: `FULL`,
/// SQLite's default, does; `NORMAL` with a write-ahead log may lose the last moments, and with them a logout.
///
/// # Concurrency
/// One writes at a time. Writers of this process wait for their turn in the order in which they came; those of others are waited for as
/// long as the pool's `busy_timeout` says (5 s by default), then the answer is an error. A write-ahead log (`journal_mode(SqliteJournalMode::Wal)`)
/// lets readers go on meanwhile.
///
/// A database in memory lives in one connection and ends with it: give the pool `max_connections(1)`, no `idle_timeout` and no `max_lifetime`.
#[cfg(feature = "sqlite")]
pub type SqliteStore = SqlStore<sqlx::Sqlite>;

/// All four stores in PostgreSQL (11 or newer), for any number of machines: [`SqlStore`] says how.
///
/// # Durability
/// What was confirmed survives a crash of the server, unless its `fsync` or `synchronous_commit` is off. A failover to a replica that lags behind loses what
/// the replica had not received: replicate synchronously where that matters.
///
/// # When it is down
/// Every call fails until it is back, then the pool connects anew by itself (leave `test_before_acquire` on). A server that hangs makes calls
/// hang: bound the wait with the pool's `acquire_timeout` and with the time limit of the provider or of the request. Dropping a call
/// is safe: what it had begun is rolled back, or was complete.
///
/// # Text
/// A subject, a session or a claim with a NUL character, which PostgreSQL cannot keep, is an error, never a pass.
#[cfg(feature = "postgres")]
pub type PostgresStore = SqlStore<sqlx::Postgres>;

/// Sessions, revocations, one-time tokens and API keys in a SQL database.
///
/// It takes the application's pool, or better one of its own: then a slow query of the application keeps nobody from logging in.
///
/// ```no_run
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use fauth_core::store::SqliteStore;
///
/// let pool = sqlx::SqlitePool::connect("sqlite:sessions.db?mode=rwc").await?;
/// let store = SqliteStore::new(pool).prefix("login_")?;
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Clocks
/// What has expired is judged by the caller's clock. What is past its time is forgotten when it was so for an hour, by that clock and by the database's own:
/// one instance whose clock is wrong forgets nothing for the others. One that is more than an hour behind may be told
/// [`BeforeMemory`](crate::store::Verdict::BeforeMemory) until its clock is right.
///
/// Clones share the pool. [`migrate`](Self::migrate) makes the tables; until it has run, every method fails.
///
/// # Security
/// A database that was restored from a backup has forgotten what came after it: sessions ended since are live again, and so are tokens revoked
/// since. After a restore, empty the table of sessions, or change the key that signs tokens.
pub struct SqlStore<D: SqlDialect> {
    pool: Pool<D>,
    texts: Statements,
    clock: Arc<dyn Clock>,
    /// Writers of this process wait here where the database lets only one write: in a fair queue, and without asking again and again.
    turn: Arc<Mutex<()>>,
}

impl<D: SqlDialect> SqlStore<D> {
    /// A store in the database of this pool, with tables whose names begin with `fauth_`.
    #[must_use]
    pub fn new(pool: Pool<D>) -> Self {
        Self {
            pool,
            texts: Statements::of::<D>(DEFAULT_PREFIX),
            clock: Arc::new(SystemClock),
            turn: Arc::default(),
        }
    }

    /// With tables (and indexes) whose names begin like this: several applications can share a database.
    ///
    /// # Errors
    /// [`ConfigError`] unless it begins with a lower-case letter or `_`, goes on with those and digits, and has at most 30 bytes.
    pub fn prefix(self, prefix: &str) -> Result<Self, ConfigError> {
        let mut bytes = prefix.bytes();
        let begins = bytes.next().is_some_and(|byte| byte == b'_' || byte.is_ascii_lowercase());
        let goes_on = bytes.all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(begins && goes_on && prefix.len() <= MAX_PREFIX) {
            return Err(ConfigError::new(
                "prefix",
                "it becomes part of the names of tables, and not every text can",
                "begin with a-z or _, go on with a-z, 0-9 and _, and take at most 30 bytes",
            ));
        }
        Ok(Self { texts: Statements::of::<D>(prefix), ..self })
    }

    /// Where [`migrate`](Self::migrate) gets the time from which the store remembers; [`SystemClock`] by default. Use the one that the provider has.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Asks one question, outside of any transaction.
    async fn ask(&self, template: &str, values: Vec<Value<'_>>) -> Result<Vec<D::Row>, StoreError> {
        let sql = self.texts.render(template);
        let mut connection = self.pool.acquire().await.map_err(failure::<D>)?;
        D::fetch(&mut connection, &sql, values).await.map_err(failure::<D>)
    }

    /// Begins a write.
    async fn begin(&self) -> Result<Transaction<D>, StoreError> {
        Transaction::begin(&self.pool, &self.texts, &self.turn).await
    }
}

impl<D: SqlDialect> Clone for SqlStore<D> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            texts: self.texts.clone(),
            clock: Arc::clone(&self.clock),
            turn: Arc::clone(&self.turn),
        }
    }
}

impl<D: SqlDialect> fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the pool: its options know the password of the database.
        f.debug_struct("SqlStore")
            .field("database", &D::NAME)
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}
