//! What every user store can be asked.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    error::UserStoreError,
    record::{NewUser, StoredUser},
};

/// Where users are kept.
///
/// Each method is one atomic step: of two calls at the same time, one comes first. A change is
/// confirmed when its future returns `Ok`; it is then seen by every later `find`. A future that is
/// dropped, or that fails with [`UserStoreError::Failed`], leaves open whether the change was
/// made.
///
/// A name that no user can have (see [limits](crate::user_store#limits)) is not found, and no work
/// is spent on it.
///
/// [`MemoryUserStore`](super::MemoryUserStore) and [`JsonFileUserStore`](super::JsonFileUserStore)
/// are loaders as they are. Another store becomes one with a closure:
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
    /// The user of this name, `None` if there is none.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot tell.
    async fn find(&self, username: &str) -> Result<Option<Arc<StoredUser>>, UserStoreError>;

    /// All users, in the order in which they were created.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot tell.
    async fn list(&self) -> Result<Vec<Arc<StoredUser>>, UserStoreError>;

    /// Adds a user. Of any number of calls with one name, one succeeds.
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

    /// Gives a user another password and raises the user's epoch: [everything that was issued to
    /// the user ends](crate::user_store#what-a-password-change-ends). Returns the updated user:
    /// log in with that one.
    ///
    /// Pass `user` as loaded by the login or one-time token that authorised the change. If the
    /// epoch was raised since, nothing is changed: of two concurrent changes the second one fails,
    /// and proof of an older password sets no new one. A rehash in between does not matter.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if the epoch is another by now, or the user was
    /// deleted and created again under the same name; [`NotFound`](UserStoreError::NotFound),
    /// [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or
    /// [`Failed`](UserStoreError::Failed).
    async fn change_password(
        &self,
        user: &StoredUser,
        new_hash: &str,
    ) -> Result<Arc<StoredUser>, UserStoreError>;

    /// Replaces the hash by another one **of the same password** if it is still `old`: what a
    /// login does whose parameters are out of date. The epoch stays. Of two calls with the same
    /// hash, the second one fails and changes nothing.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if the hash is another by now;
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid),
    /// [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    ///
    /// # Security
    /// It ends nothing. For a new password take [`change_password`](Self::change_password).
    async fn rehash_password(&self, username: &str, old: &str, new: &str) -> Result<(), UserStoreError>;

    /// Enables or disables a user. Disabling raises the epoch, also of a user who is disabled
    /// already, so nothing issued before works when the user is enabled again. Nothing else
    /// changes.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid) if the epoch
    /// is at its limit, [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    async fn set_active(&self, username: &str, active: bool) -> Result<(), UserStoreError>;

    /// Replaces the roles of a user. The user's tokens stay valid, with these roles.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid),
    /// [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    async fn set_roles(&self, username: &str, roles: &[&str]) -> Result<(), UserStoreError>;
}
