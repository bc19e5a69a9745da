//! Users in memory.

use async_trait::async_trait;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::{NewUser, StoredUser, UserStore, UserStoreError, users::Users};
use crate::{
    clock::{Clock, SystemClock},
    store::StoreError,
};

/// Users in the memory of this process. Clones share them.
///
/// ```
/// use fauth_core::user_store::{MemoryUserStore, NewUser, UserStore as _, UserStoreError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), UserStoreError> {
/// # let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
/// let users = MemoryUserStore::new();
/// users.create(NewUser::new("alice", hash)).await?;
///
/// let again = users.create(NewUser::new("alice", hash)).await.unwrap_err();
/// assert_eq!(again.to_string(), "User 'alice' already exists");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryUserStore {
    users: Arc<RwLock<Users>>,
    clock: Arc<dyn Clock>,
}

impl MemoryUserStore {
    /// Creates a store without users.
    #[must_use]
    pub fn new() -> Self {
        Self { users: Arc::default(), clock: Arc::new(SystemClock) }
    }

    /// Sets the clock for [`created_at`](StoredUser::created_at). Default: [`SystemClock`]. Use the
    /// clock of the provider.
    ///
    /// In tests with a clock of their own, pass the same clock here; otherwise tokens may be older
    /// than their users.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn read<T>(&self, look: impl FnOnce(&Users) -> T) -> T {
        // No change can panic half-way, so the value is consistent even after a panic.
        look(&self.users.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Users) -> T) -> T {
        change(&mut self.users.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for MemoryUserStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryUserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryUserStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl UserStore for MemoryUserStore {
    async fn find(&self, username: &str) -> Result<Option<Arc<StoredUser>>, UserStoreError> {
        Ok(self.read(|users| users.find(username).cloned()))
    }

    async fn list(&self) -> Result<Vec<Arc<StoredUser>>, UserStoreError> {
        Ok(self.read(|users| users.in_order().to_vec()))
    }

    async fn create(&self, user: NewUser) -> Result<Arc<StoredUser>, UserStoreError> {
        let user = user.into_user(self.clock.now().map_err(StoreError::new)?)?;
        self.change(|users| users.insert(user))
    }

    async fn delete(&self, username: &str) -> Result<(), UserStoreError> {
        self.change(|users| users.remove(username))
    }

    async fn change_password(
        &self,
        user: &StoredUser,
        new_hash: &str,
    ) -> Result<Arc<StoredUser>, UserStoreError> {
        self.change(|users| users.change_password(user, new_hash))
    }

    async fn rehash_password(&self, username: &str, old: &str, new: &str) -> Result<(), UserStoreError> {
        self.change(|users| users.rehash_password(username, old, new))
    }

    async fn set_active(&self, username: &str, active: bool) -> Result<(), UserStoreError> {
        self.change(|users| users.set_active(username, active))
    }

    async fn set_roles(&self, username: &str, roles: &[&str]) -> Result<(), UserStoreError> {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        self.change(|users| users.set_roles(username, &roles))
    }
}
