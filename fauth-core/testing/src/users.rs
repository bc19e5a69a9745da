//! Fake users in memory, with loaders that count, fail and wait on demand.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fauth_core::{AuthUser, TokenPayload};

use super::ManualClock;

/// The roles of the fake users: an enum, as an application may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// `admin`
    Admin,
    /// `user`
    User,
    /// `auditor`
    Auditor,
}

impl AsRef<str> for Role {
    fn as_ref(&self) -> &str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Auditor => "auditor",
        }
    }
}

/// A fake user; the subject is the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUser {
    /// The name, which is also the subject.
    pub name: String,
    /// The stored password hash.
    pub password_hash: Option<String>,
    /// Whether the user is active.
    pub active: bool,
    /// The roles.
    pub roles: Vec<Role>,
    /// The permissions.
    pub permissions: Vec<String>,
    /// The token epoch.
    pub token_epoch: u64,
}

impl AuthUser for TestUser {
    fn subject(&self) -> impl AsRef<str> {
        &self.name
    }

    fn password_hash(&self) -> Option<&str> {
        self.password_hash.as_deref()
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn token_epoch(&self) -> u64 {
        self.token_epoch
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }

    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.permissions
    }

    /// `ed` has none.
    fn display_name(&self) -> Option<&str> {
        (self.name != "ed").then_some(&*self.name)
    }

    /// `alice` has one.
    fn picture(&self) -> Option<&str> {
        (self.name == "alice").then_some("/faces/alice.png")
    }
}

/// Six fake users with controllable loaders. Clones share everything.
///
/// | name | password | roles | permissions | |
/// |---|---|---|---|---|
/// | `alice` | `s3cret` | admin, user | read, write | |
/// | `bob` | `hunter2` | user | read | |
/// | `carol` | `pa55word` | user | read | inactive |
/// | `dora` | – | user | read | has no password |
/// | `ed` | `hunter2` | – | – | without roles and permissions |
/// | `frank` | – | user | read | has a hash that no password matches |
#[derive(Debug, Clone)]
pub struct Users(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    users: BTreeMap<String, TestUser>,
    user_loads: usize,
    identity_loads: usize,
    failing: bool,
    delay: Option<Duration>,
    time_passes: Option<(ManualClock, Duration)>,
}

type Loading = Pin<Box<dyn Future<Output = io::Result<Option<TestUser>>> + Send>>;

impl Users {
    /// Creates the six users.
    pub fn new() -> Self {
        let user = |name: &str, hash: Option<&str>, active, roles: &[Role], permissions: &[&str]| TestUser {
            name: name.to_owned(),
            password_hash: hash.map(str::to_owned),
            active,
            roles: roles.to_vec(),
            permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
            token_epoch: 0,
        };
        let users = [
            user("alice", Some(ALICE), true, &[Role::Admin, Role::User], &["read", "write"]),
            user("bob", Some(BOB), true, &[Role::User], &["read"]),
            user("carol", Some(CAROL), false, &[Role::User], &["read"]),
            user("dora", None, true, &[Role::User], &["read"]),
            user("ed", Some(BOB), true, &[], &[]),
            user("frank", Some("not a hash"), true, &[Role::User], &["read"]),
        ];
        let users = users.into_iter().map(|user| (user.name.clone(), user)).collect();
        Self(Arc::new(Mutex::new(State { users, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Returns how often the user loader was called.
    pub fn user_loads(&self) -> usize {
        self.state().user_loads
    }

    /// Returns how often the identity loader was called.
    pub fn identity_loads(&self) -> usize {
        self.state().identity_loads
    }

    /// Makes both loaders fail.
    pub fn fail(&self) {
        self.state().failing = true;
    }

    /// Makes both loaders answer at once again.
    pub fn recover(&self) {
        let mut state = self.state();
        state.failing = false;
        state.delay = None;
    }

    /// Makes both loaders take this long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// Makes each load advance `clock` by this span, without waiting.
    pub fn time_passes(&self, clock: &ManualClock, span: Duration) {
        self.state().time_passes = Some((clock.clone(), span));
    }

    /// Changes a user.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut TestUser)) {
        change(self.state().users.get_mut(name).expect("a fake user"));
    }

    /// Removes a user.
    pub fn remove(&self, name: &str) {
        self.state().users.remove(name);
    }

    /// Adds a user.
    pub fn add(&self, user: TestUser) {
        self.state().users.insert(user.name.clone(), user);
    }

    /// Returns a copy of a user.
    pub fn find(&self, name: &str) -> TestUser {
        self.state().users.get(name).cloned().expect("a fake user")
    }

    /// Returns a loader that finds users by subject.
    pub fn user_loader(&self) -> impl Fn(Arc<TokenPayload>) -> Loading + Send + Sync + 'static {
        let users = self.clone();
        move |payload: Arc<TokenPayload>| {
            users.state().user_loads += 1;
            users.load(payload.subject())
        }
    }

    /// Returns a loader that finds users by the subject of a mandate.
    #[cfg(feature = "mandates")]
    pub fn mandate_loader(&self) -> impl Fn(Arc<fauth_core::Principal>) -> Loading + Send + Sync + 'static {
        let users = self.clone();
        move |principal: Arc<fauth_core::Principal>| {
            users.state().user_loads += 1;
            users.load(principal.subject())
        }
    }

    /// Returns a loader that finds users by name.
    pub fn identity_loader(&self) -> impl Fn(String) -> Loading + Send + Sync + 'static {
        let users = self.clone();
        move |identifier: String| {
            users.state().identity_loads += 1;
            users.load(&identifier)
        }
    }

    fn load(&self, name: &str) -> Loading {
        let state = self.state();
        if let Some((clock, span)) = &state.time_passes {
            clock.advance(*span);
        }
        let delay = state.delay;
        let found = if state.failing {
            Err(io::Error::other("the database is down"))
        } else {
            Ok(state.users.get(name).cloned())
        };
        Box::pin(async move {
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            found
        })
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new()
    }
}

const ALICE: &str =
    "$argon2id$v=19$m=8,t=1,p=1$9m6aqLZnYgF5VyK5Xkg5wA$7yjkqogCJf+kst0Ry97YfanLw1IqZpLYPm9RMawFPFE";
const BOB: &str =
    "$argon2id$v=19$m=8,t=1,p=1$SHYStR091kSyQICUQ8ELEw$huDUDL0KCkGU7Th46gVLsVsLUMlzT8w1+uO0mI026Ss";
const CAROL: &str =
    "$argon2id$v=19$m=8,t=1,p=1$RDKXJab4KjxoTRIZZDiD6w$v6RhwdWS+1G4A8RrMpeBURy+vwwglWHVxcpI9KTAR7U";
