//! The differences between SQLite and PostgreSQL, and nothing else.

use std::pin::Pin;

use sqlx::{Connection, Database, error::DatabaseError};

use super::value::Value;

/// A database that `sqlx` and fauth both support: [`sqlx::Sqlite`] and [`sqlx::Postgres`], each
/// behind its feature.
pub trait SqlDialect: Dialect {}

impl<D: Dialect> SqlDialect for D {}

/// The future of the rows that a statement returns.
type Rows<'a, D> = Pin<Box<dyn Future<Output = Result<Vec<<D as Database>::Row>, sqlx::Error>> + Send + 'a>>;

/// The SQL fragments that differ between the databases.
#[derive(Debug)]
#[expect(unnameable_types, reason = "it is not part of the public API")]
pub struct Words {
    /// The column type of bytes.
    pub bytes: &'static str,
    /// Locks the rows that a query has found. Empty in SQLite, where only one transaction writes at
    /// a time.
    pub for_update: &'static str,
    /// Like `for_update`, but skips rows that another transaction has locked. A sweep never waits,
    /// so it cannot be part of a deadlock.
    pub skip_locked: &'static str,
    /// The database's own clock, in seconds; constant within a statement.
    pub clock: &'static str,
    /// The function that returns the smallest of its arguments.
    pub least: &'static str,
}

/// What fauth needs to know about a database.
///
/// Using `sqlx` generically would put a dozen bounds on every function; these few methods replace
/// them.
#[expect(unnameable_types, reason = "it seals `SqlDialect`")]
pub trait Dialect: Database {
    /// The beginnings of the database's URLs.
    const SCHEMES: &'static [&'static str];

    /// Begins a transaction that writes.
    const BEGIN: &'static str;

    /// Whether only one transaction can write at a time, while the others poll for their turn.
    const ONE_WRITER: bool;

    /// Takes the lock with the name `$1` until the transaction ends, waiting for its holder. `None`
    /// where only one transaction writes at a time anyway.
    const LOCK: Option<&'static str>;

    /// The SQL fragments that differ.
    const WORDS: Words;

    /// Whether a pooler between fauth and the database may give a connection to another client
    /// after each transaction. Prepared statements are then missing, or are those of another
    /// client.
    const MAY_BE_POOLED: bool;

    /// The connection options that a store sets when it creates the pool itself.
    fn settle(
        options: <Self::Connection as Connection>::Options,
    ) -> <Self::Connection as Connection>::Options;

    /// Names the database of these options, without a password.
    fn place(options: &<Self::Connection as Connection>::Options) -> String;

    /// Runs a statement and returns its rows. With `keep`, the statement stays prepared as long as
    /// the connection lasts.
    fn fetch<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a str,
        values: Vec<Value<'a>>,
        keep: bool,
    ) -> Rows<'a, Self>;

    /// The number in a column.
    fn number(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error>;

    /// The text in a column.
    fn text(row: &Self::Row, column: usize) -> Result<Option<String>, sqlx::Error>;

    /// The bytes in a column.
    fn bytes(row: &Self::Row, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error>;

    /// Whether a statement failed because a table does not exist.
    fn is_missing_table(error: &dyn DatabaseError) -> bool;
}

/// The methods whose text is the same for both, but whose `sqlx` types differ.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! through_sqlx {
    () => {
        fn fetch<'a>(
            connection: &'a mut Self::Connection,
            sql: &'a str,
            values: Vec<Value<'a>>,
            keep: bool,
        ) -> Rows<'a, Self> {
            Box::pin(async move {
                let query = sqlx::query(sql).persistent(keep);
                let query = values.into_iter().fold(query, |query, value| match value {
                    Value::Number(number) => query.bind(number),
                    Value::Text(text) => query.bind(text),
                    Value::Bytes(bytes) => query.bind(bytes),
                });
                query.fetch_all(connection).await
            })
        }

        fn number(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error> {
            sqlx::Row::try_get(row, column)
        }

        fn text(row: &Self::Row, column: usize) -> Result<Option<String>, sqlx::Error> {
            sqlx::Row::try_get(row, column)
        }

        fn bytes(row: &Self::Row, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
            sqlx::Row::try_get(row, column)
        }
    };
}

#[cfg(feature = "sqlite")]
impl Dialect for sqlx::Sqlite {
    // A transaction that first reads and then writes fails if another one has written in between.
    // So it takes the write lock at its beginning.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const ONE_WRITER: bool = true;
    const LOCK: Option<&'static str> = None;
    const WORDS: Words = Words {
        bytes: "BLOB",
        for_update: "",
        skip_locked: "",
        clock: "CAST(strftime('%s', 'now') AS INTEGER)",
        least: "MIN",
    };

    const MAY_BE_POOLED: bool = false;

    const SCHEMES: &'static [&'static str] = &["sqlite:"];

    through_sqlx!();

    fn settle(options: sqlx::sqlite::SqliteConnectOptions) -> sqlx::sqlite::SqliteConnectOptions {
        options.create_if_missing(true).journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
    }

    fn place(options: &sqlx::sqlite::SqliteConnectOptions) -> String {
        let file = options.get_filename();
        // Two processes may use different paths for one file; within a process, this identifies it.
        std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
    }

    fn is_missing_table(error: &dyn DatabaseError) -> bool {
        // SQLite has one code (1) for all errors in a statement.
        error.message().starts_with("no such table")
    }
}

#[cfg(feature = "postgres")]
impl Dialect for sqlx::Postgres {
    // A server may have a stricter isolation level as its default, at which a statement fails that
    // here waits for a lock and reads again.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    const ONE_WRITER: bool = false;
    const LOCK: Option<&'static str> = Some("SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 0))");
    const WORDS: Words = Words {
        bytes: "BYTEA",
        for_update: "FOR UPDATE",
        skip_locked: "FOR UPDATE SKIP LOCKED",
        clock: "EXTRACT(EPOCH FROM now())::BIGINT",
        least: "LEAST",
    };

    const MAY_BE_POOLED: bool = true;

    const SCHEMES: &'static [&'static str] = &["postgres://", "postgresql://"];

    through_sqlx!();

    // PgBouncer refuses this parameter unless it is configured to ignore it; only floating-point
    // numbers depend on it.
    fn settle(options: sqlx::postgres::PgConnectOptions) -> sqlx::postgres::PgConnectOptions {
        options.extra_float_digits(None)
    }

    fn place(options: &sqlx::postgres::PgConnectOptions) -> String {
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_owned(),
        };
        // The default database has the name of the user.
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        format!("{host}:{}/{database}", options.get_port())
    }

    fn is_missing_table(error: &dyn DatabaseError) -> bool {
        // undefined_table
        error.code().as_deref() == Some("42P01")
    }
}
