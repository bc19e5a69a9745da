//! Databases to test with, and what to put into them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    Purpose,
    clock::Timestamp,
    store::{
        NewSession, Nonce, OneTimeRecord, Owner, PostgresStore, RevocationStore, RevocationTarget, Rotation,
        SecretHash, Session, SessionId, SqlDialect, SqlStore, SqliteStore, TokenFacts, Verdict,
    },
};
use fauth_testing::ManualClock;
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

pub(crate) const START: Timestamp = ManualClock::START;

/// `seconds` after the start.
pub(crate) fn at(seconds: u64) -> Timestamp {
    START.checked_add(Duration::from_secs(seconds)).unwrap()
}

/// The owner of this subject in the only application of these tests.
pub(crate) fn owner(subject: &str) -> Owner<'_> {
    Owner::new("default", "", subject)
}

pub(crate) fn session_id(number: u128) -> SessionId {
    SessionId::parse(&URL_SAFE_NO_PAD.encode(number.to_be_bytes())).unwrap()
}

pub(crate) fn hash(number: u64) -> SecretHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    SecretHash::from_bytes(bytes)
}

pub(crate) fn new_session(id: u128, subject: &str, head: u64, limit: usize) -> NewSession {
    let session = Session {
        id: session_id(id),
        owner: owner(subject).into_owned(),
        created_at: START,
        last_seen_at: START,
        idle_timeout: Duration::from_secs(3600),
        expires_at: at(7200),
        remembered: true,
        client: Some("Firefox on Linux".to_owned()),
        address: Some("2001:db8::1".parse().unwrap()),
        tokens_end_at: at(900),
    };
    NewSession { session, head: hash(head), limit, payload: None }
}

pub(crate) fn rotation(session: u128, presented: u64, successor: u64) -> Rotation {
    Rotation {
        session: session_id(session),
        presented: hash(presented),
        successor: hash(successor),
        nonce: Nonce::from_bytes(u128::from(successor).to_be_bytes()),
        grace: Duration::from_secs(10),
        access_lifetime: Duration::from_secs(900),
        fingerprint: None,
        bound_to_client: false,
    }
}

pub(crate) fn magic_link(subject: &str, number: u64, expires_at: Timestamp) -> OneTimeRecord {
    let owner = owner(subject).into_owned();
    OneTimeRecord { hash: hash(number), owner, purpose: Purpose::MagicLink, expires_at }
}

/// The verdict on a token with this id, of the first epoch.
pub(crate) async fn judge<D: SqlDialect>(
    store: &SqlStore<D>,
    jti: &str,
    subject: &str,
    issued_at: Timestamp,
    now: Timestamp,
) -> Verdict {
    let targets = &[RevocationTarget::TokenId(jti)];
    store.check(&TokenFacts { owner: owner(subject), targets, epoch: 0, issued_at }, now).await.unwrap()
}

/// A SQLite database in a file, removed at the end.
pub(crate) struct Sqlite {
    pub(crate) path: PathBuf,
    pub(crate) pool: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn start(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fauth-{}-{name}.db", std::process::id()));
        let pool = sqlite_pool(&path).await;
        Self { path, pool }
    }

    pub(crate) async fn store(&self) -> SqliteStore {
        let store = SqliteStore::new(self.pool.clone()).clock(ManualClock::new());
        store.migrate().await.unwrap();
        store
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A pool to a SQLite database with a write-ahead log.
pub(crate) async fn sqlite_pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    SqlitePoolOptions::new().max_connections(8).connect_with(options).await.unwrap()
}

/// A pool to the server that tests share.
pub(crate) async fn postgres() -> PgPool {
    PgPoolOptions::new().max_connections(8).connect(servers::Postgres::shared()).await.unwrap()
}

/// A prefix that no other run has: the server may be one that stays.
pub(crate) fn own_prefix(name: &str) -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("{name}_{:x}_", u64::from_ne_bytes(random))
}

pub(crate) async fn postgres_store(name: &str) -> PostgresStore {
    let store = PostgresStore::with_prefix(postgres().await, &own_prefix(name)).unwrap();
    let store = store.clock(ManualClock::new());
    store.migrate().await.unwrap();
    store
}
