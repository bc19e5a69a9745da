//! All storage traits in one backend.

use super::{ApiKeyStore, OneTimeStore, RevocationStore, SessionStore};

/// A backend that implements all four storage traits.
///
/// The trait is object-safe, so an application can choose its store at run time:
///
/// ```
/// use std::sync::Arc;
/// use fauth_core::{MemoryStore, store::Store};
///
/// let store: Arc<dyn Store> = match std::env::var("FAUTH_REDIS_URL") {
///     // Ok(url) => Arc::new(RedisStore::connect(&url).await?),
///     _ => Arc::new(MemoryStore::new()),
/// };
/// let auth = fauth_testing::provider().store(store).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: SessionStore + RevocationStore + OneTimeStore + ApiKeyStore {}

impl<S: SessionStore + RevocationStore + OneTimeStore + ApiKeyStore + ?Sized> Store for S {}
