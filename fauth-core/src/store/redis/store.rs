//! The store itself.

use std::{fmt, sync::Arc};

use super::{hub::Hub, mirror::Mirror};
use crate::{
    clock::Timestamp,
    store::{StoreError, StoreLocation},
};

/// Sessions, revocations, one-time tokens and API keys in Redis (6.2 or later) or Valkey. Feature
/// `redis`.
///
/// Clones share their connections. It is connected within a Tokio runtime, and works for as long
/// as that runs.
///
/// ```no_run
/// use fauth_core::store::RedisStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://127.0.0.1/").await?;
/// let other = RedisStore::builder("redis://127.0.0.1/").namespace("shop").connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// # TLS
/// A URL that begins with `rediss://` demands it, as servers outside one's own network do; it
/// needs the feature `tls`. The server's certificate is checked against the authorities that the
/// system trusts, or [`root_certificate`](crate::store::RedisStoreBuilder::root_certificate).
/// The cryptography is that of rustls' process-wide `CryptoProvider`; if the application has
/// installed none when the store connects, the one of `ring` is installed.
///
/// # What is guaranteed
/// - **Steps.** Each method is one script: atomic, and one round trip. Listing API keys takes two.
/// - **Placement.** What belongs to one owner shares a hash tag, so that a proxy or a later
///   version can spread owners over the nodes of a cluster. This version talks to one node and
///   follows no redirection: it refuses a cluster of more than one master when it connects.
/// - **Durability.** A confirmed step is as safe as Redis makes it. With `appendonly yes` and
///   `appendfsync always` it survives a crash; with `everysec`, or when a replica takes over, the
///   last second may be lost. Every instance with a mirror writes back the revocations that it
///   finds missing then. Sessions come back as they were a second ago.
/// - **Staleness.** With the mirror (the default) a check asks nobody. It sees what other
///   instances revoke within about a millisecond, and never later than
///   [`max_staleness`](crate::store::RedisStoreBuilder::max_staleness): an older mirror is not
///   believed. Without the mirror nothing is ever stale, and every check is a round trip.
/// - **When Redis is down**, every method fails within
///   [`command_timeout`](crate::store::RedisStoreBuilder::command_timeout), and so does a check
///   once the mirror is too old. The store reconnects by itself.
/// - **Failover.** Every step, and every beat of a mirror, proves with a write that changes
///   nothing that the node is a master that may write. A node that was demoted fails them, and
///   checks fail once the mirror is too old. An old master that is cut off from its replicas does
///   not know that another has taken its place. It notices with `min-replicas-to-write 1` and
///   `min-replicas-max-lag` (its seconds come on top of `max_staleness`): set both wherever a
///   replica may take over. A server that refuses writes for another reason (`MISCONF`: its disk
///   is full) is not believed either. A replica with `replica-read-only no` is not recognised.
/// - **When Redis stands still and goes on**, it does not do what has failed meanwhile: a login
///   whose caller was told 503 ends no other session, and the next refresh is not taken for a
///   theft. What ends or revokes something happens nevertheless. For this the time of Redis is
///   asked for every 30 s. If its clock jumps ahead by more than `command_timeout`, the next of
///   these steps fails, once; if it jumps back, a late step may happen until the time is asked for
///   again.
/// - **When Redis has lost everything** (restarted empty, flushed), or any one of the keys that
///   hold the revocations (evicted, deleted, put back from another moment than the rest), a new
///   memory begins: tokens that were issued before are
///   [`BeforeMemory`](crate::store::Verdict::BeforeMemory), and everybody logs in again. API keys
///   may be lost too: they are better kept in SQL.
/// - **When its memory is full** (`maxmemory`), what would keep something new fails: logins,
///   refreshes, one-time tokens, API keys. Logouts and revocations still work.
/// - **Eviction.** A server whose `maxmemory-policy` is not `noeviction`, or that does not tell it,
///   is refused when the store connects. It is asked again after every reconnect and every 30 s;
///   if it may evict then, every method fails until that is mended.
///
/// # Security
/// Whoever can write to Redis can undo every revocation. The clocks of all instances have to agree
/// to within a second where a lost memory is to be noticed for every token.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Hub,
    mirror: Option<Mirror>,
    when_stale: WhenStale,
    place: StoreLocation,
}

/// What a check does when the mirror is older than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum WhenStale {
    /// Fails, and the request is refused with 503. Redis does not get the load of all requests at
    /// the moment it struggles.
    #[default]
    Refuse,
    /// Asks Redis directly, and fails if that fails.
    AskRedis,
}

impl RedisStore {
    pub(super) fn new(hub: Hub, mirror: Option<Mirror>, when_stale: WhenStale, place: StoreLocation) -> Self {
        Self { shared: Arc::new(Shared { hub, mirror, when_stale, place }) }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    pub(super) fn mirror(&self) -> Option<&Mirror> {
        self.shared.mirror.as_ref()
    }

    pub(super) fn when_stale(&self) -> WhenStale {
        self.shared.when_stale
    }

    /// The server and the namespace.
    pub(super) fn place(&self) -> StoreLocation {
        self.shared.place.clone()
    }

    /// What the names of all its keys begin with, after an opening brace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.hub().names.namespace
    }

    /// Since when Redis remembers: tokens that were issued before are refused.
    ///
    /// # Errors
    /// [`StoreError`] if Redis does not say.
    pub async fn remembers_since(&self) -> Result<Timestamp, StoreError> {
        Ok(self.hub().begin().await?)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
