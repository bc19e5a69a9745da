//! What every user store can be asked.

use std::{future::Future, sync::Arc};

use super::{
    error::UserStoreError,
    record::{NewUser, StoredUser},
};

/// Where users are kept.
///
/// Each method is one atomic step: of two calls at the same time, one comes first. A change is confirmed when its future returns `Ok`; it is then seen by
/// every later `find`. A future that is dropped, or that fails with [`UserStoreError::Failed`], leaves open whether the change was made.
///
/// A name that no user can have (see [limits](crate::user_store#limits)) is not found, and no work is spent on it.
///
/// [`MemoryUserStore`](super::MemoryUserStore) and [`JsonFileUserStore`](super::JsonFileUserStore) are loaders as they are. Another store becomes one with a closure:
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
pub trait UserStore: Send + Sync + 'static {
    /// The user of this name, `None` if there is none.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot tell.
    fn find(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<Arc<StoredUser>>, UserStoreError>> + Send;

    /// All users, in the order in which they were created.
    ///
    /// # Errors
    /// [`Failed`](UserStoreError::Failed) if the store cannot tell.
    fn list(&self) -> impl Future<Output = Result<Vec<Arc<StoredUser>>, UserStoreError>> + Send;

    /// Adds a user. Of any number of calls with one name, one succeeds.
    ///
    /// # Errors
    /// [`AlreadyExists`](UserStoreError::AlreadyExists), [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or
    /// [`Failed`](UserStoreError::Failed).
    fn create(&self, user: NewUser) -> impl Future<Output = Result<Arc<StoredUser>, UserStoreError>> + Send;

    /// Removes a user.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound) or [`Failed`](UserStoreError::Failed).
    fn delete(&self, username: &str) -> impl Future<Output = Result<(), UserStoreError>> + Send;

    /// Gives a user another password and raises his epoch: [everything that was issued to him ends](crate::user_store#what-a-password-change-ends). What he is then comes back:
    /// log him in with that.
    ///
    /// `user` is he as he was found, by the login or the one-time token that allows the change. If his epoch was raised since, nothing is changed: of two
    /// changes at once the second one fails, and whoever proved that he knew an older password sets none. A rehash in between does not matter.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if his epoch is another by now, or he is a namesake of the one who was found;
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or
    /// [`Failed`](UserStoreError::Failed).
    fn change_password(
        &self,
        user: &StoredUser,
        new_hash: &str,
    ) -> impl Future<Output = Result<Arc<StoredUser>, UserStoreError>> + Send;

    /// Replaces the hash by another one **of the same password** if it is still `old`: what a login does whose parameters are out of date. His epoch
    /// stays. Of two calls with the same hash, the second one fails and changes nothing.
    ///
    /// # Errors
    /// [`Changed`](UserStoreError::Changed) if the hash is another by now; [`NotFound`](UserStoreError::NotFound),
    /// [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    ///
    /// # Security
    /// It ends nothing. For a new password take [`change_password`](Self::change_password).
    fn rehash_password(
        &self,
        username: &str,
        old: &str,
        new: &str,
    ) -> impl Future<Output = Result<(), UserStoreError>> + Send;

    /// Enables or disables a user. Disabling raises his epoch, also if he is disabled already: enabled again, he starts with nothing. Nothing else about him changes.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid) if his epoch is at its limit, [`Full`](UserStoreError::Full) or [`Failed`](UserStoreError::Failed).
    fn set_active(
        &self,
        username: &str,
        active: bool,
    ) -> impl Future<Output = Result<(), UserStoreError>> + Send;

    /// Gives a user these roles instead of those that he has. His tokens go on, with these roles.
    ///
    /// # Errors
    /// [`NotFound`](UserStoreError::NotFound), [`Invalid`](UserStoreError::Invalid), [`Full`](UserStoreError::Full) or
    /// [`Failed`](UserStoreError::Failed).
    fn set_roles(
        &self,
        username: &str,
        roles: &[&str],
    ) -> impl Future<Output = Result<(), UserStoreError>> + Send;
}
