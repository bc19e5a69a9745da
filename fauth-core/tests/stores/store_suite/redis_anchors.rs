//! The store suite on what ends mandates, in Redis.
//!
//! A server is started for it, unless `FAUTH_TEST_REDIS_URL` names one.

use fauth_core::store::RedisAnchorStore;
use fauth_testing::store_suite::StoreHarness;

use super::redis::{URL, fresh_number};

struct Anchors;

async fn connect(prefix: &str) -> RedisAnchorStore {
    RedisAnchorStore::builder(&*URL).prefix(prefix).connect().await.unwrap()
}

impl StoreHarness for Anchors {
    type Store = RedisAnchorStore;

    async fn open() -> RedisAnchorStore {
        connect(&format!("suite-{}:", fresh_number())).await
    }

    /// Another connection to the same keys.
    async fn again(store: &RedisAnchorStore) -> RedisAnchorStore {
        connect(store.prefix()).await
    }
}

fauth_testing::anchor_store_suite!(Anchors);
