//! Where SQLite and PostgreSQL differ, and nothing else.

use std::pin::Pin;

use sqlx::{Database, error::DatabaseError};

/// Rows to come.
type Rows<'a, D> = Pin<Box<dyn Future<Output = Result<Vec<<D as Database>::Row>, sqlx::Error>> + Send + 'a>>;

/// What can be bound to a statement.
#[derive(Debug, Clone, Copy)]
#[expect(unnameable_types, reason = "nobody outside can name it")]
pub enum Value<'a> {
    /// A whole number, a time, yes (1) or no (0).
    Number(i64),
    /// A text, or none.
    Text(Option<&'a str>),
    /// A hash or a nonce.
    Bytes(&'a [u8]),
}

/// The words that differ between the databases.
#[derive(Debug)]
#[expect(unnameable_types, reason = "nobody outside can name it")]
pub struct Words {
    /// The type of bytes.
    pub bytes: &'static str,
    /// Locks the rows that a query has found. SQLite has no such words and needs none: one transaction writes at a time.
    pub for_update: &'static str,
    /// The same, passing over those that somebody else holds: a sweep waits for nobody, and so can be in no deadlock.
    pub skip_locked: &'static str,
    /// Before and after a query for the keys of rows to delete. As an array PostgreSQL asks it once and looks up each key; with `IN` it may join, and read
    /// the whole table.
    pub among: [&'static str; 2],
    /// The database's own clock, in seconds; the same throughout a statement.
    pub clock: &'static str,
    /// The function that gives the least of its arguments.
    pub least: &'static str,
}

/// What fauth has to know of a database.
///
/// `sqlx` could be used generically, but then every function would carry a dozen bounds; these few methods take their place.
#[expect(unnameable_types, reason = "it seals `SqlDialect`")]
pub trait Dialect: Database {
    /// Begins a transaction that writes.
    const BEGIN: &'static str;

    /// One transaction writes at a time, and others ask again and again until they may.
    const ONE_WRITER: bool;

    /// Holds whoever asks for the same text (`$1`) until the transaction ends; `None` where one writes at a time anyway.
    const LOCK: Option<&'static str>;

    /// The words that differ.
    const WORDS: Words;

    /// The rows that a statement returns.
    fn fetch<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a str,
        values: Vec<Value<'a>>,
    ) -> Rows<'a, Self>;

    /// The number in a column.
    fn number(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error>;

    /// The text in a column.
    fn text(row: &Self::Row, column: usize) -> Result<Option<String>, sqlx::Error>;

    /// The bytes in a column.
    fn bytes(row: &Self::Row, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error>;

    /// Is a table missing?
    fn is_missing_table(error: &dyn DatabaseError) -> bool;
}

/// What both do in the same words, but with other types of `sqlx`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! through_sqlx {
    () => {
        fn fetch<'a>(
            connection: &'a mut Self::Connection,
            sql: &'a str,
            values: Vec<Value<'a>>,
        ) -> Rows<'a, Self> {
            Box::pin(async move {
                let query = values.into_iter().fold(sqlx::query(sql), |query, value| match value {
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
    // A transaction that first reads and then writes fails when another has written in between: it takes the lock at once instead.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const ONE_WRITER: bool = true;
    const LOCK: Option<&'static str> = None;
    const WORDS: Words = Words {
        bytes: "BLOB",
        for_update: "",
        skip_locked: "",
        among: ["IN (", ")"],
        clock: "CAST(strftime('%s', 'now') AS INTEGER)",
        least: "MIN",
    };

    through_sqlx!();

    fn is_missing_table(error: &dyn DatabaseError) -> bool {
        // SQLite has one code (1) for all errors in a statement.
        error.message().starts_with("no such table")
    }
}

#[cfg(feature = "postgres")]
impl Dialect for sqlx::Postgres {
    // A server can be set to a stricter level, and would then refuse what here waits for a lock and reads again.
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    const ONE_WRITER: bool = false;
    const LOCK: Option<&'static str> = Some("SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 0))");
    const WORDS: Words = Words {
        bytes: "BYTEA",
        for_update: "FOR UPDATE",
        skip_locked: "FOR UPDATE SKIP LOCKED",
        among: ["= ANY (ARRAY(", "))"],
        clock: "EXTRACT(EPOCH FROM now())::BIGINT",
        least: "LEAST",
    };

    through_sqlx!();

    fn is_missing_table(error: &dyn DatabaseError) -> bool {
        // undefined_table
        error.code().as_deref() == Some("42P01")
    }
}
