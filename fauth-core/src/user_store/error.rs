//! The errors of user stores.

use crate::store::StoreError;

/// Why an operation of a user store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserStoreError {
    /// A user with this name already exists.
    #[error("User '{0}' already exists")]
    AlreadyExists(String),
    /// No user has this name. For a name that no user can have, the message contains its beginning,
    /// escaped.
    #[error("User '{0}' not found")]
    NotFound(String),
    /// The user was changed since it was loaded: the password or the active state changed, or
    /// another user has the name now.
    #[error("user '{0}' was changed since it was loaded; load it again")]
    Changed(String),
    /// A value of a user is outside the [limits](crate::user_store#limits).
    #[error("{field} {problem}")]
    Invalid {
        /// The field of the record.
        field: &'static str,
        /// What is wrong with the field.
        problem: &'static str,
    },
    /// The store has reached its maximum size.
    #[error("the user store is full: remove users, or use a database")]
    Full,
    /// The store could not answer. A request that depends on it is refused with 503.
    #[error(transparent)]
    Failed(#[from] StoreError),
}
