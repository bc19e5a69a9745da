//! Why a user store did not do what it was asked for.

use crate::store::StoreError;

/// Why a user store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserStoreError {
    /// There is a user of this name.
    #[error("User '{0}' already exists")]
    AlreadyExists(String),
    /// There is no user of this name. Of a name that no user can have it says the beginning,
    /// escaped.
    #[error("User '{0}' not found")]
    NotFound(String),
    /// The user was changed since it was loaded: the password, or the active state, or another
    /// user has the name now.
    #[error("user '{0}' was changed meanwhile")]
    Changed(String),
    /// Something about a user is outside the [limits](crate::user_store#limits).
    #[error("{field} {problem}")]
    Invalid {
        /// The member of the record.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store holds as much as it can.
    #[error("the user store is full")]
    Full,
    /// The store could not answer. Where a request waits for it, that is refused with 503.
    #[error(transparent)]
    Failed(#[from] StoreError),
}
