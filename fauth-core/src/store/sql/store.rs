//! The store itself: a pool, the names of its tables, and a clock.

use std::{fmt, sync::Arc};

use sqlx::Pool;
use tokio::sync::Mutex;

use super::{
    dialect::SqlDialect, failure::failure, statements::Statements, transaction::Transaction, value::Value,
};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    error::ConfigError,
    store::{StoreError, StoreLocation},
};

/// Names in PostgreSQL have at most 63 bytes; this leaves 33 for what follows the prefix.
const MAX_PREFIX: usize = 30;

/// How the names of all tables begin by default.
const DEFAULT_PREFIX: &str = "fauth_";

/// Sessions, revocations, one-time tokens and API keys in a SQL database.
///
/// It takes the application's pool, or better one of its own: then slow queries of the application
/// do not delay logins.
///
/// ```no_run
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use fauth_core::store::SqliteStore;
///
/// let pool = sqlx::SqlitePool::connect("sqlite:sessions.db?mode=rwc").await?;
/// let store = SqliteStore::with_prefix(pool, "login_")?;
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Clocks
/// The caller's clock decides what has expired. A row is deleted once its time was over for an
/// hour, both by that clock and by the database's own, so that one instance with a wrong clock
/// deletes nothing that the others need. An instance whose clock is more than an hour behind may
/// get [`BeforeMemory`](crate::store::Verdict::BeforeMemory) until its clock is right.
///
/// Clones share the pool. [`migrate`](Self::migrate) creates the tables; until it has run, every
/// method fails.
///
/// # Security
/// A database that was restored from a backup has forgotten everything since that backup: sessions
/// ended since are live again, and tokens revoked since are accepted again. After a restore, empty
/// the table of sessions, or change the key that signs tokens.
pub struct SqlStore<D: SqlDialect> {
    pool: Pool<D>,
    statements: Statements,
    clock: Arc<dyn Clock>,
    /// Where the database lets only one transaction write, writers of this process wait here: the
    /// queue is fair, and they need not poll the database.
    turn: Arc<Mutex<()>>,
}

impl<D: SqlDialect> SqlStore<D> {
    /// A store in the database of this pool, with tables whose names begin with `fauth_`.
    #[must_use]
    pub fn new(pool: Pool<D>) -> Self {
        Self::with_statements(pool, Statements::new::<D>(DEFAULT_PREFIX))
    }

    /// A store in the database of this pool, with tables and indexes whose names begin with
    /// `prefix`, so that several applications can share a database.
    ///
    /// # Errors
    /// [`ConfigError`] unless the prefix begins with a lower-case letter or `_`, goes on with
    /// those and digits, and has at most 30 bytes.
    pub fn with_prefix(pool: Pool<D>, prefix: &str) -> Result<Self, ConfigError> {
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
        Ok(Self::with_statements(pool, Statements::new::<D>(prefix)))
    }

    fn with_statements(pool: Pool<D>, statements: Statements) -> Self {
        Self { pool, statements, clock: Arc::new(SystemClock), turn: Arc::default() }
    }

    /// Sets the clock that tells [`migrate`](Self::migrate) since when the store remembers;
    /// [`SystemClock`] by default. Use the one that the provider has.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    pub(super) fn now(&self) -> Result<Timestamp, StoreError> {
        self.clock.now().map_err(StoreError::new)
    }

    /// The database and the prefix.
    pub(super) fn place(&self) -> StoreLocation {
        let database = D::place(&self.pool.connect_options());
        StoreLocation::shared(format!("{} {database}, tables {}", D::NAME, self.table_prefix()))
    }

    pub(super) fn table_prefix(&self) -> &str {
        self.statements.prefix()
    }

    /// Runs one query outside of any transaction.
    pub(super) async fn query(
        &self,
        template: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<D::Row>, StoreError> {
        let sql = self.statements.render(template);
        let mut connection = self.pool.acquire().await.map_err(failure::<D>)?;
        D::fetch(&mut connection, &sql, values).await.map_err(failure::<D>)
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction<D>, StoreError> {
        Transaction::begin(&self.pool, &self.statements, &self.turn).await
    }
}

impl<D: SqlDialect> Clone for SqlStore<D> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            statements: self.statements.clone(),
            clock: Arc::clone(&self.clock),
            turn: Arc::clone(&self.turn),
        }
    }
}

impl<D: SqlDialect> fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the pool: its options contain the password of the database.
        f.debug_struct("SqlStore")
            .field("database", &D::NAME)
            .field("prefix", &self.statements.prefix())
            .finish_non_exhaustive()
    }
}
