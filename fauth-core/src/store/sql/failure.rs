//! Errors of the database, without bound values.

use super::dialect::Dialect;
use crate::store::StoreError;

/// Databases include values in the details of their errors. Session ids must not reach the log, so
/// only the code and the message are kept.
pub(super) fn failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    bare_failure::<D>(error).of(D::NAME)
}

/// Like [`failure`], without naming the database.
pub(super) fn bare_failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) if D::is_missing_table(&*error) => {
            StoreError::new("tables are missing; call migrate() first")
        }
        sqlx::Error::Database(error) => {
            let (code, message) = (error.code().unwrap_or_default(), error.message());
            StoreError::new(format!("refused with code {code}: {message}{}", advice(&code, message)))
        }
        // Replaces the message of sqlx, which names features of sqlx and not of fauth.
        sqlx::Error::Tls(_) if cfg!(not(feature = "tls")) => StoreError::new(
            "the URL requires TLS, but fauth-core was built without it: enable its feature `tls`",
        ),
        sqlx::Error::Io(error) => StoreError::new(error),
        sqlx::Error::PoolTimedOut => StoreError::new(
            "no connection within the pool's `acquire_timeout`: the database cannot be reached, \
             or the pool is too small",
        ),
        error => StoreError::new(error),
    }
}

/// What to do about an error whose message does not say so.
fn advice(code: &str, message: &str) -> &'static str {
    if message.contains("unsupported startup parameter") {
        return "; this comes from PgBouncer: connect with `PostgresStore::connect`, or with \
                `PgConnectOptions::extra_float_digits(None)`";
    }
    match code {
        // insufficient_privilege
        "42501" => {
            "; run `migrate()` once as a role that may create tables, and grant this role \
                    SELECT, INSERT, UPDATE and DELETE on them"
        }
        // invalid_sql_statement_name, duplicate_prepared_statement
        "26000" | "42P05" => {
            "; a pooler probably shares connections between transactions: do not use \
             `danger_keep_statements`"
        }
        _ => "",
    }
}

/// The error for a row that no version of fauth has written.
pub(super) fn damaged() -> StoreError {
    StoreError::new("a row in the database was not written by fauth, or is damaged")
}
