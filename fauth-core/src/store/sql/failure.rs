//! Errors of the database, without the values that were bound.

use super::dialect::Dialect;
use crate::store::StoreError;

/// A database names values in the details of its errors. Session ids among them do not belong in a
/// log, so only the code and the message are kept.
pub(super) fn failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    bare_failure::<D>(error).of(D::NAME)
}

/// As [`failure`], without saying which database it was.
pub(super) fn bare_failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) if D::is_missing_table(&*error) => {
            StoreError::new("tables are missing; call migrate() first")
        }
        sqlx::Error::Database(error) => {
            let (code, message) = (error.code().unwrap_or_default(), error.message());
            StoreError::new(format!("refused with code {code}: {message}{}", advice(&code, message)))
        }
        // What sqlx says about itself is of no use to who runs fauth.
        sqlx::Error::Tls(_) if cfg!(not(feature = "tls")) => StoreError::new(
            "the URL demands TLS, and fauth-core was built without it: switch on its feature `tls`",
        ),
        sqlx::Error::Io(error) => StoreError::new(error),
        sqlx::Error::PoolTimedOut => StoreError::new(
            "no connection within the `acquire_timeout` of the pool: the database cannot be reached, \
             or the pool is too small",
        ),
        error => StoreError::new(error),
    }
}

/// What to do about a refusal whose message does not tell.
fn advice(code: &str, message: &str) -> &'static str {
    if message.contains("unsupported startup parameter") {
        return "; this comes from PgBouncer: connect with `PostgresStore::connect`, or with \
                `PgConnectOptions::extra_float_digits(None)`";
    }
    match code {
        // insufficient_privilege
        "42501" => {
            "; let `migrate()` run once as a role that may create tables, and grant this one \
                    SELECT, INSERT, UPDATE and DELETE on them"
        }
        // invalid_sql_statement_name, duplicate_prepared_statement
        "26000" | "42P05" => {
            "; a pooler seems to share connections between transactions: do not use \
             `danger_keep_statements`"
        }
        _ => "",
    }
}

/// A row holds what no version of fauth has written.
pub(super) fn damaged() -> StoreError {
    StoreError::new("a row in the database is not what fauth has written")
}
