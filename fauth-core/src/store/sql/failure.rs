//! Errors of the database, without the values that were bound.

use super::dialect::Dialect;
use crate::store::StoreError;

/// A database names values in the details of its errors. Session ids among them do not belong in a
/// log, so only the code and the message are kept.
pub(super) fn failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(error) = error else { return StoreError::new(error) };
    if D::is_missing_table(&*error) {
        return StoreError::new(format!("{}: tables are missing; call migrate() first", D::NAME));
    }
    let code = error.code().unwrap_or_default();
    StoreError::new(format!("{} refused with code {code}: {}", D::NAME, error.message()))
}

/// A row holds what no version of fauth has written.
pub(super) fn damaged() -> StoreError {
    StoreError::new("a row in the database is not what fauth has written")
}
