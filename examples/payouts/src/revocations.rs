//! Where revocations are kept: in this process, or in Redis, where all services see them.

#[cfg(not(feature = "redis"))]
mod in_memory {
    use std::env;

    use fauth_core::{BoxError, store::MemoryAnchorStore};

    #[expect(clippy::unused_async, reason = "as with Redis")]
    pub(crate) async fn store() -> Result<MemoryAnchorStore, BoxError> {
        if env::var_os("FAUTH_REDIS_URL").is_some() {
            return Err("FAUTH_REDIS_URL: build this example with `--features redis`".into());
        }
        Ok(MemoryAnchorStore::new())
    }
}

#[cfg(not(feature = "redis"))]
pub(crate) use in_memory::store;
