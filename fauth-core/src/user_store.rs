//! User stores for services without a database of their own: in memory, or in one JSON file.
//!
//! Needs the feature `user-store`.
//!
//! ```
//! use fauth_core::{ClientInfo,
//!     AuthConfig, AuthProvider, MemoryStore, TokenRequest,
//!     user_store::{JsonFileUserStore, NewUser, StoredUser, UserStore as _, UserStoreError},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("fauth-user-store-{}", std::process::id()));
//! # let path = folder.join("users.json"); // "/var/lib/my-service/users.json"
//! let users = JsonFileUserStore::open(path).await?;
//!
//! # let mut secret = [0; 32];
//! # getrandom::fill(&mut secret)?; // from the environment: `AuthConfig::from_env()?`
//! # let config = AuthConfig::builder().secret(secret).build()?;
//! let auth: AuthProvider<StoredUser> = AuthProvider::builder(config)
//!     .user_loader(users.clone())
//!     .identity_loader(users.clone())
//!     .password_updater(users.clone())
//!     .store(MemoryStore::new()) // sessions
//!     .build()?;
//!
//! // The first start creates the first user; later starts find it.
//! let hash = auth.hash_password("correct horse battery staple").await?;
//! match users.create(NewUser::new("alice", hash).roles(["admin"])).await {
//!     Ok(_) | Err(UserStoreError::AlreadyExists(_)) => {}
//!     Err(error) => return Err(error.into()),
//! }
//!
//! // The result of `authenticate` is a login; its tokens end when the password changes.
//! let alice = auth.authenticate("alice", "correct horse battery staple", &ClientInfo::unknown()).await?;
//! let old = auth.login(&alice).await?;
//!
//! // A new password invalidates everything issued before, on every instance. The user who changed
//! // it logs in again.
//! let hash = auth.hash_password("staple battery horse correct").await?;
//! let alice = users.change_password(&alice, &hash).await?;
//! assert!(auth.refresh(old.refresh_token().expose(), &ClientInfo::unknown()).await.is_err());
//! let new = auth.login(TokenRequest::for_user(&alice)).await?;
//!
//! // Disabling takes effect at once: the next request with one of these tokens is refused.
//! users.set_active("alice", false).await?;
//! assert!(auth.refresh(new.refresh_token().expose(), &ClientInfo::unknown()).await.is_err());
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`MemoryUserStore`] | users in memory, until the process ends: for tests, demonstrations, and services that create their users at start |
//! | [`JsonFileUserStore`] | users in one file, in the format of fastware; several processes on one machine may share it |
//! | [`UserStore`] | the trait of both; implement it for a store of your own |
//! | [`StoredUser`], [`NewUser`] | a user as stored, and one to create |
//!
//! Both stores are loaders: pass clones of them to the builder, as above. Clones share the users.
//!
//! # Names
//! The username is what users type and what tokens carry as `sub`. It is compared byte for byte:
//! `Alice` is not `alice`. A user who was deleted and created again is a different user: earlier
//! tokens do not load the new user ([`StoredUser::is_subject_of`]). Sessions that a session store
//! holds under the name are not ended by a deletion; end them when you delete the user.
//!
//! # What a password change ends
//! Each user has an epoch, a number that only rises: with
//! [`change_password`](UserStore::change_password), and with [`set_active(…,
//! false)`](UserStore::set_active). Access tokens, refresh tokens and one-time tokens (password
//! resets, address verifications, magic links) of a lower epoch are refused from then on, by every
//! instance that reads the same store, and with or without a session store. So are API keys, except
//! those created to [survive](crate::api_key::ApiKeyRequest::danger_survives_password_change) it. A
//! login that updates the hash ([`rehash_password`](UserStore::rehash_password)) ends nothing, and
//! neither does a change of roles.
//!
//! Log in with [`TokenRequest::for_user`](crate::TokenRequest::for_user), as the ready-made
//! endpoints do. A login by name alone (`auth.login("alice")`) carries no epoch: once the user's
//! epoch is above 0, tokens of such a login are refused from the start.
//!
//! # Limits
//!
//! | what | limit |
//! |---|---|
//! | username, role | 1 to [`MAX_NAME_BYTES`] bytes without control characters |
//! | roles of a user | [`MAX_ROLES`] |
//! | password hash | [`MAX_HASH_BYTES`] bytes |
//! | epoch of a user | [`MAX_EPOCH`] |
//! | users in a store | [`MAX_USERS`] |
//! | file | [`MAX_FILE_BYTES`] |
//!
//! Every change rewrites the whole file. Use a database for more than some thousand users, or for
//! users who change many times a minute.

mod error;
mod interface;
mod json_file;
mod memory;
mod record;
mod users;

use std::sync::Arc;

use async_trait::async_trait;

pub use error::UserStoreError;
pub use interface::UserStore;
#[cfg(any(test, fuzzing))]
pub(crate) use json_file::fuzzing;
pub use json_file::{JsonFileUserStore, MAX_FILE_BYTES};
pub use memory::MemoryUserStore;
pub use record::{MAX_EPOCH, MAX_HASH_BYTES, MAX_NAME_BYTES, MAX_ROLES, NewUser, StoredUser};
pub use users::MAX_USERS;

use crate::{
    error::BoxError,
    token::TokenPayload,
    user::{IdentityLoader, NewPasswordHash, PasswordUpdater, UserLoader},
};

macro_rules! loaders {
    ($store:ty) => {
        #[async_trait]
        impl UserLoader<StoredUser> for $store {
            async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<StoredUser>>, BoxError> {
                let user = self.find(token.subject()).await?;
                Ok(user.filter(|user| user.is_subject_of(&token)))
            }
        }

        #[async_trait]
        impl IdentityLoader<StoredUser> for $store {
            async fn load_identity(&self, identifier: String) -> Result<Option<Arc<StoredUser>>, BoxError> {
                Ok(self.find(&identifier).await?)
            }
        }

        #[async_trait]
        impl PasswordUpdater<StoredUser> for $store {
            async fn update_password_hash(
                &self,
                user: Arc<StoredUser>,
                hash: NewPasswordHash,
            ) -> Result<(), BoxError> {
                match self.rehash_password(user.username(), &hash.old, &hash.new).await {
                    // The password was changed or the user deleted meanwhile. That takes precedence
                    // and is no failure.
                    Err(UserStoreError::Changed(_) | UserStoreError::NotFound(_)) => Ok(()),
                    outcome => Ok(outcome?),
                }
            }
        }
    };
}

loaders!(MemoryUserStore);
loaders!(JsonFileUserStore);
