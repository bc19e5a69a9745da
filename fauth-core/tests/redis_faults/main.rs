//! What happens when Redis fails: each test has a server of its own, and does to it what the name
//! of its module says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod bereft;
mod between;
mod clocks;
mod cluster;
mod connecting;
mod cut;
mod demoted;
mod emptied;
mod evicting;
mod full;
mod killed;
mod lasting;
mod measured;
mod mirrors;
mod paused;
mod put_back;
mod rules;
mod shares;
mod sockets;
#[cfg(feature = "tls")]
mod tls;
mod unreachable;

use std::time::Duration;

use base64::Engine as _;
use fauth_core::{
    clock::{Clock as _, SystemClock, Timestamp},
    store::{
        ApiKey, ApiKeyId, ClientFingerprint, EndedSession, NewSession, Nonce, Owner, RedisStore,
        RedisStoreBuilder, RevocationStore as _, RevocationTarget, Rotation, SecretHash, Session, SessionId,
        StoreError, StoredApiKey, TokenFacts, Verdict,
    },
};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn now() -> Timestamp {
    SystemClock.now().unwrap()
}

fn later(span: Duration) -> Timestamp {
    now().checked_add(span).unwrap()
}

/// Connects. A busy machine may need longer for that than the short time-out of these tests.
async fn connected(url: &str, set: impl Fn(RedisStoreBuilder) -> RedisStoreBuilder) -> RedisStore {
    let connect = || set(RedisStore::builder(url)).command_timeout(Duration::from_millis(500)).connect();
    for _ in 0..20 {
        if let Ok(store) = connect().await {
            return store;
        }
    }
    connect().await.unwrap()
}

/// A store without the mirror.
async fn direct(url: &str) -> RedisStore {
    connected(url, |store| store.mirror(false)).await
}

/// A store whose mirror may be 600 ms old.
async fn mirrored(url: &str) -> RedisStore {
    connected(url, |store| store.max_staleness(Duration::from_millis(600))).await
}

fn owner(subject: &str) -> Owner<'_> {
    Owner::new("default", "", subject)
}

fn alice() -> Owner<'static> {
    owner("alice")
}

/// What a store says of a token of Alice.
async fn checked(
    store: &RedisStore,
    (id, epoch): (&str, u64),
    issued_at: Timestamp,
    now: Timestamp,
) -> Result<Verdict, StoreError> {
    let targets = [RevocationTarget::TokenId(id), RevocationTarget::Subject];
    store.check(&TokenFacts { owner: alice(), targets: &targets, epoch, issued_at }, now).await
}

async fn verdict(store: &RedisStore, id: &str, issued_at: Timestamp) -> Option<Verdict> {
    checked(store, (id, 0), issued_at, now()).await.ok()
}

async fn revoke(store: &RedisStore, id: &str) {
    revoke_all(store, &[id]).await;
}

/// Revokes tokens of Alice for a day.
async fn revoke_all(store: &RedisStore, ids: &[impl AsRef<str>]) {
    let targets: Vec<_> = ids.iter().map(|id| RevocationTarget::TokenId(id.as_ref())).collect();
    assert!(store.revoke(&alice(), &targets, None, now(), later(DAY)).await.unwrap());
}

fn sid(number: u32) -> SessionId {
    let bytes = u128::from(number).to_be_bytes();
    SessionId::parse(&base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)).unwrap()
}

/// Different for different names.
fn hash(name: u128) -> SecretHash {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&name.to_be_bytes());
    SecretHash::from_bytes(bytes)
}

fn nonce(name: u128) -> Nonce {
    Nonce::from_bytes(name.to_be_bytes())
}

/// A session of Alice. The hash of its first token is that of 0.
fn login(number: u32) -> NewSession {
    let session = Session {
        id: sid(number),
        owner: alice(),
        created_at: now(),
        last_seen_at: now(),
        idle_timeout: DAY,
        expires_at: later(DAY * 7),
        remembered: false,
        client: Some("a browser".to_owned()),
        address: None,
        tokens_end_at: later(MINUTE),
    };
    NewSession { session, head: hash(0), limit: 10_000, payload: None }
}

/// The ids of sessions that were ended.
fn ids(ended: &[EndedSession]) -> Vec<SessionId> {
    ended.iter().map(|ended| ended.id.clone()).collect()
}

fn exchange(number: u32, presented: u128, successor: u128) -> Rotation {
    Rotation {
        session: sid(number),
        presented: hash(presented),
        successor: hash(successor),
        nonce: nonce(successor),
        grace: MINUTE,
        access_lifetime: MINUTE,
        fingerprint: None,
        bound_to_client: false,
    }
}

/// An API key of this owner that lasts for a day.
fn api_key(owner: &Owner<'_>, number: u8) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(owner, [number; 16]),
        owner: owner.clone().into_owned(),
        name: "deploy".to_owned(),
        scopes: vec!["read".to_owned()],
        created_at: now(),
        expires_at: later(DAY),
        last_used_at: None,
        user_epoch: Some(3),
    }
}

async fn keep_api_key(store: &RedisStore, key: ApiKey) {
    let stored = StoredApiKey { key, hash: hash(1), hash_key_id: "hash key".to_owned() };
    assert!(fauth_core::store::ApiKeyStore::insert(store, stored, 9, now()).await.unwrap());
}

/// Tries until it is so, for ten seconds at most. Returns how long it took.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

/// Everything that an error says, with its sources.
fn everything_of(error: &dyn std::error::Error) -> String {
    let source = error.source().map(everything_of).unwrap_or_default();
    format!("{error} {error:?} {source}")
}

/// A connection of the test's own, for what no store does.
async fn raw(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}
