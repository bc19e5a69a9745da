//! A clock, a folder that goes away, and users to put into it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use fauth_core::{
    AuthConfig, AuthProvider, IdentityLoader, PasswordUpdater, UserLoader,
    clock::{Clock, ClockError, Timestamp},
    password::PasswordConfig,
    request::{HeaderValues, RequestHead},
    user_store::{JsonFileUserStore, NewUser, StoredUser},
};

pub(crate) const HASH: &str = "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW";
pub(crate) const OTHER_HASH: &str = "$2b$12$nCCxz4Cno3nqdo9wx/SyweZFXSXIsIIWCBt7adEl1U3wJGNR2uJQ2";

/// 2026-01-01T00:00:00Z until it is moved.
#[derive(Debug, Clone)]
pub(crate) struct TestClock {
    now: Arc<AtomicI64>,
    is_broken: Arc<AtomicBool>,
}

impl TestClock {
    pub(crate) const START: i64 = 1_767_225_600;

    pub(crate) fn new() -> Self {
        Self { now: Arc::new(AtomicI64::new(Self::START)), is_broken: Arc::default() }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn break_down(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        // `ClockError` is not to be made outside the core; a clock far outside the calendar is one
        // that cannot be used.
        let now =
            if self.is_broken.load(Ordering::SeqCst) { i64::MAX } else { self.now.load(Ordering::SeqCst) };
        Ok(Timestamp::from_unix_seconds(now))
    }
}

/// A folder of a test's own.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("fauth-users-{:016x}", u64::from_ne_bytes(random)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("users.json")
    }

    pub(crate) fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(self.file(), content).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// As another process opens it: nothing is shared with other stores of the file.
    pub(crate) async fn store(&self) -> JsonFileUserStore {
        JsonFileUserStore::open(self.file()).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn alice() -> NewUser {
    NewUser::new("alice", HASH).roles(["admin"])
}

pub(crate) fn user(name: impl Into<String>) -> NewUser {
    NewUser::new(name, HASH)
}

/// A provider over a store, with passwords that cost nothing.
pub(crate) fn provider<S>(store: &S, clock: &TestClock, passwords: PasswordConfig) -> AuthProvider<StoredUser>
where
    S: UserLoader<StoredUser> + IdentityLoader<StoredUser> + PasswordUpdater<StoredUser> + Clone,
{
    let config = AuthConfig::builder().secret("f2a1c07d9be84563a1d0c9b8e7f65432").build().unwrap();
    AuthProvider::builder(config)
        .user_loader(store.clone())
        .identity_loader(store.clone())
        .password_updater(store.clone())
        .store(fauth_testing::memory_store())
        .password(passwords)
        .clock(clock.clone())
        .build()
        .unwrap()
}

/// The head of a request with this `Authorization`.
pub(crate) struct Bearer(pub(crate) String);

impl RequestHead for Bearer {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        Some(self.0.as_bytes()).filter(|_| name == "authorization").into_iter().collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        true
    }
}

pub(crate) const fn weak() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(8, 1, 1)
}

/// An error with all its causes, as a log shows it.
pub(crate) fn all_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause} {cause:?}");
        source = cause.source();
    }
    text
}
