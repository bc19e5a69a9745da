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

/// The roles of fake users: an enum, as an application may have.
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
    /// Name and subject.
    pub name: String,
    /// The stored hash.
    pub password_hash: Option<String>,
    /// May act.
    pub active: bool,
    /// Roles.
    pub roles: Vec<Role>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// The epoch.
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

/// Six fake users and what their loaders do. Clones share everything.
///
/// | name | password | roles | permissions | |
/// |---|---|---|---|---|
/// | `alice` | `s3cret` | admin, user | read, write | |
/// | `bob` | `hunter2` | user | read | |
/// | `carol` | `pa55word` | user | read | inactive |
/// | `dora` | – | user | read | has no password |
/// | `ed` | `hunter2` | – | – | a user who looks empty |
/// | `frank` | – | user | read | has a hash that nothing matches |
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
    /// The six users.
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

    /// How often the user loader was asked.
    pub fn user_loads(&self) -> usize {
        self.state().user_loads
    }

    /// How often the identity loader was asked.
    pub fn identity_loads(&self) -> usize {
        self.state().identity_loads
    }

    /// From now on both loaders fail.
    pub fn fail(&self) {
        self.state().failing = true;
    }

    /// From now on both loaders answer at once.
    pub fn recover(&self) {
        let mut state = self.state();
        state.failing = false;
        state.delay = None;
    }

    /// From now on both loaders take this long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// From now on each load takes this long on `clock`, without any waiting.
    pub fn time_passes(&self, clock: &ManualClock, span: Duration) {
        self.state().time_passes = Some((clock.clone(), span));
    }

    /// Changes a user from now on.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut TestUser)) {
        change(self.state().users.get_mut(name).expect("a fake user"));
    }

    /// Takes a user away.
    pub fn remove(&self, name: &str) {
        self.state().users.remove(name);
    }

    /// Brings a user (back).
    pub fn add(&self, user: TestUser) {
        self.state().users.insert(user.name.clone(), user);
    }

    /// A copy of a user.
    pub fn find(&self, name: &str) -> TestUser {
        self.state().users.get(name).cloned().expect("a fake user")
    }

    /// Finds users by subject.
    pub fn user_loader(&self) -> impl Fn(Arc<TokenPayload>) -> Loading + Send + Sync + 'static {
        let users = self.clone();
        move |payload: Arc<TokenPayload>| {
            users.state().user_loads += 1;
            users.load(payload.subject())
        }
    }

    /// Finds users by the subject of a mandate.
    #[cfg(feature = "mandates")]
    pub fn mandate_loader(&self) -> impl Fn(Arc<fauth_core::Principal>) -> Loading + Send + Sync + 'static {
        let users = self.clone();
        move |principal: Arc<fauth_core::Principal>| {
            users.state().user_loads += 1;
            users.load(principal.subject())
        }
    }

    /// Finds users by name.
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
