//! Users of the application's own type, in memory.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fauth_core::{AuthUser, BoxError, IdentityLoader, TokenPayload, UserLoader, async_trait};

use super::SharedUser;

/// The users of a [`TestAuth`](crate::TestAuth), in memory. Clones share them. A change takes
/// effect at the next request.
pub struct TestUsers<U>(Arc<Mutex<State<U>>>);

struct State<U> {
    users: BTreeMap<String, Arc<U>>,
    identify: Option<Box<Identify<U>>>,
}

type Identify<U> = dyn Fn(&U) -> &str + Send;

impl<U: AuthUser> TestUsers<U> {
    pub(super) fn new(users: impl IntoIterator<Item: SharedUser<U>>) -> Self {
        let mut map = BTreeMap::new();
        for user in users {
            let user = user.shared();
            let subject = user.subject().as_ref().to_owned();
            assert!(map.insert(subject.clone(), user).is_none(), "two users have the subject `{subject}`");
        }
        Self(Arc::new(Mutex::new(State { users: map, identify: None })))
    }

    /// Ignores poisoning, so that a failed test does not fail others.
    fn state(&self) -> MutexGuard<'_, State<U>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn identify_by(&self, identify: impl Fn(&U) -> &str + Send + 'static) {
        self.state().identify = Some(Box::new(identify));
    }

    /// Returns the user with this subject.
    ///
    /// # Panics
    /// If there is no such user.
    #[track_caller]
    pub fn get(&self, subject: &str) -> Arc<U> {
        let Some(user) = self.find(subject) else {
            panic!("TestAuth has no user `{subject}`: there are {}", self.names())
        };
        user
    }

    /// Returns the user with this subject, if there is one.
    pub fn find(&self, subject: &str) -> Option<Arc<U>> {
        self.state().users.get(subject).cloned()
    }

    /// Adds a user, or replaces the one with the same subject.
    pub fn put(&self, user: impl SharedUser<U>) {
        let user = user.shared();
        let subject = user.subject().as_ref().to_owned();
        self.state().users.insert(subject, user);
    }

    /// Changes a user, like an update of the database.
    ///
    /// ```
    /// # let alice = fauth_testing::Users::new().find("alice");
    /// # let auth = fauth_testing::TestAuth::new([alice]);
    /// auth.users().change("alice", |user| user.active = false);
    /// ```
    ///
    /// # Panics
    /// If there is no such user, or the change alters the subject.
    #[track_caller]
    pub fn change(&self, subject: &str, change: impl FnOnce(&mut U))
    where
        U: Clone,
    {
        let mut user = U::clone(&self.get(subject));
        change(&mut user);
        assert_eq!(user.subject().as_ref(), subject, "the subject of a user never changes");
        self.put(user);
    }

    /// Removes a user. Returns whether there was one.
    pub fn remove(&self, subject: &str) -> bool {
        self.state().users.remove(subject).is_some()
    }

    /// Returns the subjects, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.state().users.keys().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

#[async_trait]
impl<U: AuthUser> UserLoader<U> for TestUsers<U> {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<U>>, BoxError> {
        Ok(self.find(token.subject()))
    }
}

#[async_trait]
impl<U: AuthUser> IdentityLoader<U> for TestUsers<U> {
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<U>>, BoxError> {
        let state = self.state();
        Ok(match &state.identify {
            None => state.users.get(&identifier).cloned(),
            Some(identify) => state.users.values().find(|user| identify(user) == identifier).cloned(),
        })
    }
}

impl<U> Clone for TestUsers<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Prints only the subjects: records contain password hashes.
impl<U> fmt::Debug for TestUsers<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(state.users.keys()).finish()
    }
}
