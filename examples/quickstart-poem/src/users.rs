//! The users: a map in memory, in place of your database.

use std::{collections::HashMap, sync::Arc};

use fauth_core::{
    AuthUser, BoxError, IdentityLoader, TokenPayload, UserLoader, async_trait,
    password::{PasswordConfig, PasswordHasher},
};

/// A user, as in your database.
pub struct User {
    pub(crate) name: &'static str,
    password_hash: String,
    active: bool,
    roles: &'static [&'static str],
    permissions: &'static [&'static str],
}

/// The fields that fauth needs.
impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        self.name
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        self.roles
    }

    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        self.permissions
    }

    /// Shown on pages: the subject is an id, although here the two are the same.
    fn display_name(&self) -> Option<&str> {
        Some(self.name)
    }
}

/// All users by name. Cheap to clone.
#[derive(Clone)]
pub struct Users(Arc<HashMap<&'static str, Arc<User>>>);

impl Users {
    /// Alice, Bob and Carol.
    ///
    /// # Errors
    /// If a password cannot be hashed.
    pub async fn sample() -> Result<Self, BoxError> {
        // The default hasher of a provider: Argon2id.
        let hasher = PasswordHasher::new(PasswordConfig::default())?;
        let mut users = HashMap::new();
        for (name, password, active, roles, permissions) in [
            ("alice", "green-ideas-sleep", true, &["admin", "user"][..], &["read", "write"][..]),
            ("bob", "hunter2-and-a-half", true, &["user"], &["read"]),
            ("carol", "seventeen-old-hats", false, &[], &[]),
        ] {
            let password_hash = hasher.hash(password).await?;
            users.insert(name, Arc::new(User { name, password_hash, active, roles, permissions }));
        }
        Ok(Self(Arc::new(users)))
    }

    /// Returns all users, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Arc<User>> {
        self.0.values().cloned()
    }
}

/// Finds the user of a token, for every guarded request.
#[async_trait]
impl UserLoader<User> for Users {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.0.get(token.subject()).cloned())
    }
}

/// Finds the user of a name, for every login.
#[async_trait]
impl IdentityLoader<User> for Users {
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.0.get(&*identifier).cloned())
    }
}
