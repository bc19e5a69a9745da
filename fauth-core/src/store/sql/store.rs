//! The SQL store: a pool, the prefix of its tables, and a clock.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{Connection as _, Pool, pool::PoolOptions};
use tokio::{sync::Mutex, time::timeout};

use super::{
    dialect::SqlDialect,
    failure::{bare_failure, failure},
    statements::Statements,
    transaction::Transaction,
    value::Value,
};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    error::ConfigError,
    store::{StoreError, StoreLocation},
};

/// Names in PostgreSQL have at most 63 bytes; this leaves 33 for the rest of the name.
const MAX_PREFIX: usize = 30;

/// The default prefix of all tables.
const DEFAULT_PREFIX: &str = "fauth_";

/// The default time limit of the first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions, revocations, one-time tokens and API keys in a SQL database.
///
/// [`connect`](Self::connect) creates a separate pool from a URL, so that slow queries of the
/// application do not delay logins; [`new`](Self::new) uses the application's pool.
///
/// ```no_run
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use fauth_core::store::SqliteStore;
///
/// let store = SqliteStore::connect("sqlite:sessions.db").await?;
/// store.migrate().await?;
///
/// // With the application's pool, and tables whose names begin with `login_`:
/// let pool = sqlx::SqlitePool::connect("sqlite:sessions.db?mode=rwc").await?;
/// let store = SqliteStore::with_prefix(pool, "login_")?;
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Clocks
/// The caller's clock decides what has expired. A row is deleted once its time has been over for an
/// hour, by both that clock and the database's own, so that an instance with a wrong clock deletes
/// nothing that the others need. An instance whose clock is more than an hour behind may get
/// [`BeforeMemory`](crate::store::Verdict::BeforeMemory) until its clock is corrected.
///
/// Clones share the pool. [`migrate`](Self::migrate) creates the tables; until it has run, every
/// method fails.
///
/// # Security
/// A database restored from a backup has lost everything since that backup: sessions ended since
/// then are live again, and tokens revoked since then are accepted again. After a restore, change
/// the token-signing key. Emptying the table of sessions ends every session, but access tokens
/// revoked since the backup stay valid until they expire.
pub struct SqlStore<D: SqlDialect> {
    pool: Pool<D>,
    statements: Statements,
    clock: Arc<dyn Clock>,
    /// Where the database allows only one writing transaction, writers of this process wait here:
    /// the queue is fair, and they need not poll the database.
    turn: Arc<Mutex<()>>,
    connect_timeout: Duration,
    /// Whether statements stay prepared on their connection.
    keep: bool,
}

impl<D: SqlDialect> SqlStore<D> {
    /// Connects to the database of this URL with a separate pool; the names of its tables begin
    /// with `fauth_`. Returns once there is a connection, after at most 5 s.
    ///
    /// The pool has the default settings of `sqlx`, with an `acquire_timeout` of 5 s. With
    /// PostgreSQL it does not send `extra_float_digits`, which PgBouncer refuses. With SQLite it
    /// creates a missing file, and uses a write-ahead log.
    ///
    /// # Errors
    /// [`StoreError`], with the database and its message, if the URL is invalid or the database
    /// cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        check_url::<D>(url)?;
        let options = url.parse().map_err(failure::<D>)?;
        let pool = PoolOptions::new().acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(D::settle(options));
        let store = Self::new(pool);
        store.first_connection().await?;
        Ok(store)
    }

    /// Creates a store in the database of this pool, with tables whose names begin with `fauth_`.
    #[must_use]
    pub fn new(pool: Pool<D>) -> Self {
        Self::with_statements(pool, Statements::new::<D>(DEFAULT_PREFIX))
    }

    /// Creates a store in the database of this pool, with tables and indexes whose names begin with
    /// `prefix`, so that several applications can share a database.
    ///
    /// # Errors
    /// [`ConfigError`] unless the prefix begins with a lower-case letter or `_`, continues with
    /// those and digits, and has at most 30 bytes.
    pub fn with_prefix(pool: Pool<D>, prefix: &str) -> Result<Self, ConfigError> {
        let mut bytes = prefix.bytes();
        let begins = bytes.next().is_some_and(|byte| byte == b'_' || byte.is_ascii_lowercase());
        let goes_on = bytes.all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(begins && goes_on && prefix.len() <= MAX_PREFIX) {
            return Err(ConfigError::new(
                "prefix",
                "the prefix is too long, or is not valid in the names of tables",
                "begin with a-z or _, continue with a-z, 0-9 and _, and use at most 30 bytes",
            ));
        }
        Ok(Self::with_statements(pool, Statements::new::<D>(prefix)))
    }

    fn with_statements(pool: Pool<D>, statements: Statements) -> Self {
        Self {
            pool,
            statements,
            clock: Arc::new(SystemClock),
            turn: Arc::default(),
            connect_timeout: CONNECT_TIMEOUT,
            keep: !D::MAY_BE_POOLED,
        }
    }

    /// Sets how long [`migrate`](Self::migrate) waits for its connection. Default: 5 s; never
    /// longer than the pool's `acquire_timeout`. While a server refuses connections, for example
    /// because it is starting, the pool keeps trying until then.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the clock from which [`migrate`](Self::migrate) takes the beginning of the store's
    /// memory. Default: [`SystemClock`]. Use the provider's clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    pub(super) fn now(&self) -> Result<Timestamp, StoreError> {
        self.clock.now().map_err(StoreError::new)
    }

    /// The database and the prefix, as the store's location.
    pub(super) fn place(&self) -> StoreLocation {
        StoreLocation::shared(format!("{}, tables {}", self.database(), self.table_prefix()))
    }

    /// The kind and the address of the database.
    fn database(&self) -> String {
        format!("{} {}", D::NAME, D::place(&self.pool.connect_options()))
    }

    /// Connects if that has not happened yet. The error names the database and the reason why it
    /// cannot be reached.
    pub(super) async fn first_connection(&self) -> Result<(), StoreError> {
        // The rest of the time is reserved for finding the reason.
        let (limit, rest) = (self.connect_timeout.mul_f32(0.8), self.connect_timeout.mul_f32(0.2));
        let error = match timeout(limit, self.pool.acquire()).await {
            Ok(Ok(_)) => return Ok(()),
            Err(_) | Ok(Err(sqlx::Error::PoolTimedOut)) => self.why_there_is_none(rest).await,
            Ok(Err(error)) => bare_failure::<D>(error),
        };
        Err(error.of(self.database()))
    }

    /// Finds the reason with a separate connection, because a pool does not report why it has none.
    async fn why_there_is_none(&self, limit: Duration) -> StoreError {
        let options = self.pool.connect_options();
        match timeout(limit, D::Connection::connect_with(&options)).await {
            Ok(Err(error)) => bare_failure::<D>(error),
            Ok(Ok(_)) => StoreError::new("every connection of the pool was in use"),
            Err(_) => StoreError::new(format!("no answer within {:?}", self.connect_timeout)),
        }
    }

    pub(super) fn table_prefix(&self) -> &str {
        self.statements.prefix()
    }

    /// Runs a single query.
    pub(super) async fn query(
        &self,
        template: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<D::Row>, StoreError> {
        if !self.keep {
            // The query is prepared in one step and run in the next; a pooler must not give the
            // connection to another client in between.
            let mut transaction = self.begin().await?;
            let rows = transaction.fetch(template, values).await?;
            transaction.commit().await?;
            return Ok(rows);
        }
        self.fetch(template, values, true).await
    }

    /// Like [`query`](Self::query), for a statement whose text differs each time: it does not stay
    /// prepared, since it would displace others.
    pub(super) async fn query_unprepared(
        &self,
        template: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<D::Row>, StoreError> {
        if self.keep { self.fetch(template, values, false).await } else { self.query(template, values).await }
    }

    async fn fetch(
        &self,
        template: &str,
        values: Vec<Value<'_>>,
        keep: bool,
    ) -> Result<Vec<D::Row>, StoreError> {
        let sql = self.statements.render(template);
        let mut connection = self.pool.acquire().await.map_err(failure::<D>)?;
        D::fetch(&mut connection, &sql, values, keep).await.map_err(failure::<D>)
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction<D>, StoreError> {
        Transaction::begin(&self.pool, &self.statements, self.keep, &self.turn).await
    }
}

impl<D: SqlDialect> Clone for SqlStore<D> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            statements: self.statements.clone(),
            clock: Arc::clone(&self.clock),
            turn: Arc::clone(&self.turn),
            connect_timeout: self.connect_timeout,
            keep: self.keep,
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

#[cfg(feature = "postgres")]
impl SqlStore<sqlx::Postgres> {
    /// Keeps statements prepared on their connections, which saves a round trip for each statement
    /// and three for each read. By default every statement is prepared in the transaction that runs
    /// it, so that a pooler such as PgBouncer may share connections between transactions.
    ///
    /// # Security
    /// Use this only for direct connections to PostgreSQL, through a pooler in session mode, or
    /// through one that tracks prepared statements (PgBouncer 1.21 with `max_prepared_statements`).
    /// With any other pooler, a prepared statement may be missing when it is run, or another
    /// statement of the same name runs instead, which may end or find a wrong session.
    #[must_use]
    pub const fn danger_keep_statements(mut self) -> Self {
        self.keep = true;
        self
    }
}

/// Refuses URLs that would be misread. The driver takes the URL of another database for the name of
/// a file, and a `/` in a password for its end; parts of the password would then appear in names
/// and errors.
fn check_url<D: SqlDialect>(url: &str) -> Result<(), StoreError> {
    let rest = D::SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        let schemes = D::SCHEMES.join("` or `");
        return Err(StoreError::new(format!("the URL must begin with `{schemes}`")).of(D::NAME));
    };
    let (server, _) = rest.split_once('?').unwrap_or((rest, ""));
    let hides_a_password = server.split_once('/').is_some_and(|(_, path)| path.contains('@'));
    if D::MAY_BE_POOLED && hides_a_password {
        return Err(StoreError::new(
            "the URL has an `@` in the database name: write a `/` in the user name or password as `%2F`",
        )
        .of(D::NAME));
    }
    Ok(())
}
