//! Mandates in a real Redis: the keys of a Caracal deployment, what other instances hear, and the
//! consumers of its streams. Each test has a server of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod connecting;
mod consuming;
mod dead_letters;
mod failing;
mod keys;
mod killed;
mod log;
mod news;
mod sharing;
mod signatures;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fauth_core::store::{
    AnchorState, AnchorStore, RedisAnchorStore, StoreError, StoreLocation, StreamConsumer,
    StreamConsumerBuilder, StreamKey,
};
use redis::aio::MultiplexedConnection;
use servers::Redis;
use tokio::time::Instant;

const REVOKE: &str = "caracal.sessions.revoke";
const REVOKERS: &str = "resource-revocation";
const INVALIDATE: &str = "caracal.delegations.invalidate";
const INVALIDATORS: &str = "resource-delegation-invalidation";

const HOUR: Duration = Duration::from_secs(3600);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A connection of the test's own, for what no store does.
async fn raw(url: &str) -> MultiplexedConnection {
    for _ in 0..100 {
        if let Ok(connection) = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await {
            return connection;
        }
        tokio::time::sleep(ms(20)).await;
    }
    panic!("no connection");
}

async fn store(url: &str) -> RedisAnchorStore {
    RedisAnchorStore::builder(url).command_timeout(Duration::from_secs(5)).connect().await.unwrap()
}

/// A store that gives up soon. A busy machine may need longer than that to connect.
async fn hasty(url: &str) -> RedisAnchorStore {
    for _ in 0..20 {
        if let Ok(store) = RedisAnchorStore::builder(url).command_timeout(ms(500)).connect().await {
            return store;
        }
    }
    panic!("no connection");
}

fn key() -> StreamKey {
    StreamKey::new([7; 32]).unwrap()
}

async fn is_revoked(store: &impl AnchorStore, anchor: &str) -> bool {
    store.check("zone_prod", &[anchor]).await.unwrap().is_revoked
}

async fn epoch(store: &impl AnchorStore, zone: &str) -> u64 {
    store.check(zone, &[]).await.unwrap().epoch
}

/// A command of the test's own.
async fn ask<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query_async(connection).await.unwrap()
}

async fn add(connection: &mut MultiplexedConnection, stream: &str, fields: &[(&str, &str)]) -> String {
    let mut words = vec!["XADD", stream, "*"];
    words.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
    ask(connection, &words).await
}

/// Adds an entry with the signature of the deployment.
async fn add_signed(connection: &mut MultiplexedConnection, stream: &str, fields: &[(&str, &str)]) -> String {
    let signature = key().sign(stream, fields.iter().map(|&(name, value)| (name, Some(value)))).unwrap();
    let mut fields = fields.to_vec();
    fields.push(("_sig", &signature));
    add(connection, stream, &fields).await
}

async fn add_revocation(connection: &mut MultiplexedConnection, session: &str) -> String {
    add_signed(connection, REVOKE, &[("zone_id", "zone_prod"), ("session_id", session), ("reason", "logout")])
        .await
}

/// How many deliveries of a group are pending.
async fn pending(connection: &mut MultiplexedConnection, stream: &str, group: &str) -> usize {
    let (pending, ..): (usize, Option<String>, Option<String>, redis::Value) =
        ask(connection, &["XPENDING", stream, group]).await;
    pending
}

/// How many entries of a group nobody has got yet.
async fn waiting(connection: &mut MultiplexedConnection, stream: &str, group: &str) -> usize {
    let groups: Vec<BTreeMap<String, redis::Value>> = ask(connection, &["XINFO", "GROUPS", stream]).await;
    let name = |row: &BTreeMap<String, redis::Value>| {
        redis::from_redis_value::<String>(row["name"].clone()).unwrap()
    };
    let row = groups.iter().find(|row| name(row) == group).unwrap();
    redis::from_redis_value(row["lag"].clone()).unwrap()
}

async fn length(connection: &mut MultiplexedConnection, stream: &str) -> usize {
    ask(connection, &["XLEN", stream]).await
}

type DeadLetter = BTreeMap<String, String>;

async fn dead_letters(connection: &mut MultiplexedConnection, stream: &str) -> Vec<DeadLetter> {
    let entries: Vec<(String, DeadLetter)> =
        ask(connection, &["XRANGE", &format!("{stream}.dead"), "-", "+"]).await;
    entries.into_iter().map(|(_, letter)| letter).collect()
}

/// A consumer of revocations in a hurry.
fn revoker(store: &RedisAnchorStore) -> StreamConsumerBuilder {
    hurried(store.revocation_consumer()).signing_key(key())
}

fn hurried(consumer: StreamConsumerBuilder) -> StreamConsumerBuilder {
    consumer.wait(ms(100)).pending_idle(ms(400))
}

/// Polls until nothing comes any more. Returns how many entries were done.
async fn drain(consumer: &mut StreamConsumer) -> usize {
    let mut done = 0;
    loop {
        match consumer.poll().await.unwrap() {
            0 => return done,
            more => done += more,
        }
    }
}

/// Tries until it is so, for ten seconds at most. Returns how long it took.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(ms(10)).await;
    }
    start.elapsed()
}

/// A store that can be told to fail, and counts what it was asked.
#[derive(Clone)]
struct Flaky {
    inner: RedisAnchorStore,
    state: Arc<FlakyState>,
}

#[derive(Default)]
struct FlakyState {
    is_down: AtomicBool,
    /// Fails for anchors that begin so, always.
    refuses: Option<&'static str>,
    asked: AtomicUsize,
    /// How long each call takes.
    slow: Duration,
}

impl Flaky {
    fn new(inner: &RedisAnchorStore, state: FlakyState) -> Self {
        Self { inner: inner.clone(), state: Arc::new(state) }
    }

    fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }

    async fn meet(&self, name: &str) -> Result<(), StoreError> {
        self.state.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.state.slow).await;
        let refuses = self.state.refuses.is_some_and(|start| name.starts_with(start));
        if refuses || self.state.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::new("down"));
        }
        Ok(())
    }
}

#[async_trait]
impl AnchorStore for Flaky {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError> {
        self.inner.check(zone, anchors).await
    }

    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError> {
        self.meet(anchors[0]).await?;
        self.inner.revoke(anchors, lasting).await
    }

    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError> {
        self.meet(zone).await?;
        self.inner.raise_epoch(zone, epoch, lasting).await
    }

    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError> {
        self.inner.spend(id, lasting).await
    }
}
