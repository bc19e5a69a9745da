//! The store suite on Redis without the mirror, and the harness for the one with it.
//!
//! A server is started for it, unless `FAUTH_TEST_REDIS_URL` names one.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use fauth_core::store::{CounterKey, LimitStore as _, LimitWindow, RedisStore};
use fauth_testing::{ManualClock, store_suite::StoreHarness};

pub(super) static URL: LazyLock<String> = LazyLock::new(|| {
    std::env::var("FAUTH_TEST_REDIS_URL").unwrap_or_else(|_| {
        static SERVER: LazyLock<servers::Redis> = LazyLock::new(servers::Redis::start);
        SERVER.url()
    })
});

/// A namespace of its own, which has been there for ever: the clock of the suite stands still, and
/// so a memory could not begin.
async fn new_namespace() -> String {
    let namespace = format!("suite-{}", fresh_number());
    let client = redis::Client::open(URL.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let name = |key| format!("{{{namespace}:r}}:{key}");
    let mut plant = redis::pipe();
    plant.cmd("HSET").arg(name("memory")).arg(&["id", "suite", "since", "0", "seq", "0"]);
    for set in ["revoked", "epochs", "epoch-ends"] {
        // Each set names the memory, at 2^52 and the number of the last change.
        plant.cmd("ZADD").arg(name(set)).arg(1_u64 << 52).arg("memory:suite");
    }
    for key in ["memory", "revoked", "epochs", "epoch-ends"] {
        plant.cmd("EXPIRE").arg(name(key)).arg(3600);
    }
    plant.exec_async(&mut connection).await.unwrap();
    namespace
}

pub(super) fn fresh_number() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = std::collections::hash_map::RandomState::new();
    let random = std::hash::BuildHasher::hash_one(&random, count);
    format!("{random:x}-{count}")
}

async fn connect(namespace: &str, mirror: bool) -> RedisStore {
    let store = RedisStore::builder(&*URL).namespace(namespace).clock(ManualClock::new()).mirror(mirror);
    store.connect().await.unwrap()
}

/// A store whose memory has begun, by a clock that stands still a second later.
pub(crate) async fn begun() -> RedisStore {
    let clock = ManualClock::new();
    let namespace = format!("begun-{}", fresh_number());
    // Its memory begins in the next second, which does not come; nobody waits for it for long.
    RedisStore::builder(&*URL).namespace(namespace).clock(clock).connect().await.unwrap()
}

struct Direct;

impl StoreHarness for Direct {
    type Store = RedisStore;

    const REMEMBERS_SINCE_NOW: bool = false;

    async fn open() -> RedisStore {
        connect(&new_namespace().await, false).await
    }

    async fn again(store: &RedisStore) -> RedisStore {
        connect(store.namespace(), false).await
    }
}

pub(super) struct Mirrored;

impl StoreHarness for Mirrored {
    type Store = RedisStore;

    const REMEMBERS_SINCE_NOW: bool = false;

    async fn open() -> RedisStore {
        connect(&new_namespace().await, true).await
    }

    async fn again(store: &RedisStore) -> RedisStore {
        connect(store.namespace(), true).await
    }
}

fauth_testing::store_suite!(Direct);
fauth_testing::store_suite!(Direct: throttles, limits);
fauth_testing::store_race!(Direct);

#[tokio::test]
async fn two_applications_share_nothing() {
    let store = Direct::open().await;
    crate::applications::share_nothing(|| store.clone()).await;
}

/// What strangers send does not stay, and does not show who it was.
#[tokio::test]
async fn a_counter_has_an_end_and_no_name() {
    let store = Direct::open().await;
    let window = |quota, seconds| LimitWindow::new(quota, Duration::from_secs(seconds)).unwrap();
    let windows = [window(1, 60), window(100, 3600)];
    let key = CounterKey::new(CounterKey::scope_of(["suite"]), &b"192.0.2.7"[..]);
    let client = redis::Client::open(URL.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for now in [0, 0, 1, 60] {
        let now = Duration::from_secs(1_767_225_600 + now);
        store.take(&key, &windows, now).await.unwrap();
        let pattern = format!("{{{}:*}}:limit:*", store.namespace());
        let names: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        let [name] = names.as_slice() else { panic!("{names:?}") };
        assert!(!name.contains("192"), "{name}");
        let left: i64 = redis::cmd("PTTL").arg(name).query_async(&mut connection).await.unwrap();
        assert!((1_000..=73_000).contains(&left), "{left}");
    }
}
