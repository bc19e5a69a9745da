//! The trait of all user stores.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    error::UserStoreError,
    record::{NewUser, StoredUser},
};

/// A store of users.
///
/// Each method is one atomic step: concurrent calls take effect one after another. A change is
/// confirmed when its future returns `Ok`; every later `find` sees it. If a future is dropped, or
/// fails with [`UserStoreError::Failed`], it is unknown whether the change was made.
///
/// A name that no user can have (see [limits](crate::user_store#limits)) is not found, and costs no
/// work.
///
/// [`MemoryUserStore`](super::MemoryUserStore) and [`JsonFileUserStore`](super::JsonFileUserStore)
/// are loaders already. Turn another store into one with closures:
///
/// ```
/// # use std::sync::Arc;
/// # use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
/// # use fauth_core::user_store::{StoredUser, UserStore, UserStoreError};
/// # fn provider<S: UserStore + Clone>(config: AuthConfig, store: S) {
/// let (by_token, by_name) = (store.clone(), store);
/// AuthProvider::<StoredUser>::builder(config)
///     .user_loader(move |token: Arc<TokenPayload>| {
///         let store = by_token.clone();
///         async move {
///             let user = store.find(token.subject()).await?;
///             Ok::<_, UserStoreError>(user.filter(|user| user.is_subject_of(&token)))
///         }
///     })
///     .identity_loader(move |name: String| {
///         let store = by_name.clone();
///         async move { store.find(&name).await }
///     });
/// # }
/// ```
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Returns the user with this name; `None` if there is none.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot be read.
    async fn find(&self, username: &str) -> Result<Option<Arc<StoredUser>>, UserStoreError>;

    /// Returns all users, in the order in which they were created.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot be read.
    async fn list(&self) -> Result<Vec<Arc<StoredUser>>, UserStoreError>;

    /// Adds a user. Of concurrent calls with the same name, exactly one succeeds.
    ///
    /// # Errors
    /// [`AlreadyExists`](UserStoreError::AlreadyExists), [`Invalid`](UserStoreError::Invalid),
    /// [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    async fn create(&self, user: NewUser) -> Result<Arc<StoredUser>, UserStoreError>;

    /// Removes a user.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound) or [`Failed`](UserStoreError::Failed).
    async fn delete(&self, username: &str) -> Result<(), UserStoreError>;

    /// Changes a user's password and raises the user's epoch, which [ends everything issued to the
    /// user](crate::user_store#what-a-password-change-ends). Returns the updated user: log in with
    /// that one.
    ///
    /// Pass `user` as loaded by the login or one-time token that authorised the change. If the
    /// epoch was raised since then, nothing is changed: of two concurrent changes the second one
    /// fails, and proof of an older password cannot set a new one. A rehash in between does not
    /// matter.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if the epoch has changed, or the user was deleted and
    /// created again under the same name; [`NotFound`](UserStoreError::NotFound),
    /// [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or
    /// [`Failed`](UserStoreError::Failed).
    async fn change_password(
        &self,
        user: &StoredUser,
        new_hash: &str,
    ) -> Result<Arc<StoredUser>, UserStoreError>;

    /// Replaces the hash by another one **of the same password**, if it is still `old`. A login
    /// does this when the hash has outdated parameters. The epoch does not change. Of two calls
    /// with the same `old` hash, the second one fails and changes nothing.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if the hash is no longer `old`;
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid),
    /// [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    ///
    /// # Security
    /// This ends nothing. For a new password, use [`change_password`](Self::change_password).
    async fn rehash_password(&self, username: &str, old: &str, new: &str) -> Result<(), UserStoreError>;

    /// Enables or disables a user. Disabling raises the epoch, even if the user is already
    /// disabled, so that nothing issued before works when the user is enabled again. Nothing else
    /// changes.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid) if the epoch
    /// is at its limit, [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    async fn set_active(&self, username: &str, active: bool) -> Result<(), UserStoreError>;

    /// Replaces the roles of a user. The user's tokens stay valid and have the new roles.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid),
    /// [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    async fn set_roles(&self, username: &str, roles: &[&str]) -> Result<(), UserStoreError>;
}
