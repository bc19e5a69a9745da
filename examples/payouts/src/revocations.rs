//! The revocation store: in this process, or in Redis, which all services share.

use std::{env, sync::Arc};

use fauth_core::{
    BoxError,
    store::{AnchorStore, MemoryAnchorStore},
};

/// In Redis if `FAUTH_REDIS_URL` is set, otherwise in memory.
pub(crate) async fn store() -> Result<Arc<dyn AnchorStore>, BoxError> {
    match env::var("FAUTH_REDIS_URL") {
        Ok(url) => in_redis(&url).await,
        Err(_) => Ok(Arc::new(MemoryAnchorStore::new())),
    }
}

/// Writes Caracal's announcements from its streams to the keys that all services read. Each
/// announcement is delivered to one service, so services that are down miss nothing.
#[cfg(feature = "redis")]
async fn in_redis(url: &str) -> Result<Arc<dyn AnchorStore>, BoxError> {
    use fauth_core::store::{RedisAnchorStore, StreamKey};

    let digits = env::var("STREAMS_HMAC_KEY").map_err(|error| format!("STREAMS_HMAC_KEY: {error}"))?;
    let key = StreamKey::from_hex(digits)?;
    let redis = RedisAnchorStore::connect(url).await?;
    for consumer in [redis.revocation_consumer(), redis.delegation_consumer()] {
        consumer.signing_key(key.clone()).build()?.spawn().detach();
    }
    Ok(Arc::new(redis))
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "as with Redis")]
async fn in_redis(_: &str) -> Result<Arc<dyn AnchorStore>, BoxError> {
    Err("FAUTH_REDIS_URL: build this example with `--features redis`".into())
}
