//! The users: a list in memory, in place of your database.

use std::sync::Arc;

use fauth_core::{
    AuthUser, BoxError, IdentityLoader, TokenPayload, UserLoader, async_trait,
    password::{PasswordConfig, PasswordHasher},
};

/// A user. The marked fields are those that fauth needs.
#[derive(AuthUser)]
pub struct User {
    #[auth(subject)]
    pub(crate) name: &'static str,
    #[auth(password_hash)]
    password_hash: String,
    #[auth(active)]
    active: bool,
    #[auth(roles)]
    pub(crate) roles: &'static [&'static str],
}

/// All users. Cheap to clone.
#[derive(Clone)]
pub struct Users(Arc<[Arc<User>]>);

impl Users {
    /// Alice and Bob.
    ///
    /// # Errors
    /// If a password cannot be hashed.
    pub async fn sample() -> Result<Self, BoxError> {
        let hasher = PasswordHasher::new(PasswordConfig::default())?;
        let mut users = Vec::new();
        for (name, password, roles) in
            [("alice", "green-ideas-sleep", &["admin"][..]), ("bob", "hunter2-and-a-half", &[])]
        {
            let password_hash = hasher.hash(password).await?;
            users.push(Arc::new(User { name, password_hash, active: true, roles }));
        }
        Ok(Self(users.into()))
    }

    fn find(&self, name: &str) -> Option<Arc<User>> {
        self.0.iter().find(|user| user.name == name).cloned()
    }
}

/// Finds the user of a token, for every guarded request.
#[async_trait]
impl UserLoader<User> for Users {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.find(token.subject()))
    }
}

/// Finds the user of a name, for every login.
#[async_trait]
impl IdentityLoader<User> for Users {
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.find(&identifier))
    }
}
