//! The Redis store: its guarantees, and what its clones share.

use std::{fmt, sync::Arc};

use super::{hub::Hub, mirror::Mirror};
use crate::{
    clock::Timestamp,
    store::{StoreError, StoreLocation},
};

/// A store in Redis (6.2 or later) or Valkey for sessions, revocations, one-time tokens, API keys,
/// failed logins and rate limits. Feature `redis`.
///
/// Clones share their connections. Connect the store inside a Tokio runtime; it works for as long
/// as that runtime runs.
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
/// A URL that begins with `rediss://` requires TLS, which a server outside your own network should
/// use. It needs the feature `tls`. The server's certificate is verified against the authorities
/// that the system trusts, or against
/// [`root_certificate`](crate::store::RedisStoreBuilder::root_certificate). TLS uses rustls'
/// process-wide `CryptoProvider`. If the application has installed none when the store connects,
/// the `ring` provider is installed.
///
/// # Guarantees
/// - **Atomicity.** Each method is one script: atomic, and one round trip. Listing API keys takes
///   two.
/// - **Placement.** All keys of one owner share a hash tag, so a proxy or a later version can
///   spread owners over the nodes of a cluster. This version talks to one node and follows no
///   redirection: connecting to a cluster with more than one master fails.
/// - **Durability.** A confirmed write is as durable as Redis makes it. With `appendonly yes` and
///   `appendfsync always` it survives a crash; with `everysec`, or after a failover to a replica,
///   the last second may be lost. Every instance with a mirror then writes back the revocations
///   that Redis has lost. Sessions come back as they were a second ago.
/// - **Staleness.** With the mirror (the default) a check makes no round trip. Revocations by other
///   instances usually take effect within about a millisecond. They take effect within
///   [`max_staleness`](crate::store::RedisStoreBuilder::max_staleness) at the latest: an older
///   mirror is not used. Without the mirror, nothing is stale and every check is a round trip.
/// - **When Redis is down**, every method fails within
///   [`command_timeout`](crate::store::RedisStoreBuilder::command_timeout), and so does a check
///   once the mirror is too old. The store reconnects by itself.
/// - **Failover.** Every script, and every heartbeat of a mirror, makes a write without effect,
///   which only a master with write permission accepts. A demoted node fails it, and checks fail
///   once the mirror is too old. An old master that is cut off from its replicas does not know that
///   another node has been promoted. It finds out with `min-replicas-to-write 1` and
///   `min-replicas-max-lag` (its seconds come on top of `max_staleness`): set both wherever a
///   replica may be promoted. A server that refuses writes for another reason (`MISCONF`: its disk
///   is full) is not trusted either. A replica with `replica-read-only no` is not detected.
/// - **When Redis pauses and resumes**, it does not execute steps that have already failed for
///   their callers: a login answered with 503 ends no other session, and the next refresh is not
///   mistaken for token theft. Steps that end or revoke something are executed nevertheless. For
///   this the store asks Redis for its time every 30 s. If that clock jumps ahead by more than
///   `command_timeout`, the next such step fails, once; if it jumps back, a late step may be
///   executed until the store asks for the time again.
/// - **When Redis has lost all data** (restarted empty, flushed), or any one of the keys that hold
///   the revocations (evicted, deleted, restored from another moment than the rest), a new
///   revocation memory begins: tokens issued before it are
///   [`BeforeMemory`](crate::store::Verdict::BeforeMemory), and all users log in again. API keys
///   may be lost too: an SQL store is a better place for them.
/// - **When its memory is full** (`maxmemory`), operations that store something new fail: logins,
///   refreshes, one-time tokens, API keys. Logouts and revocations still work.
/// - **Eviction.** Connecting fails if the server's `maxmemory-policy` is not `noeviction`, or if
///   the server does not report it. The store asks again after every reconnect and every 30 s. If
///   the server may evict by then, every method fails until the policy is `noeviction` again.
///
/// # Security
/// Anyone who can write to Redis can undo every revocation. The clocks of all instances must agree
/// to within a second: otherwise a lost revocation memory is not detected for every token.
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

/// What a check does when the mirror is older than
/// [`max_staleness`](crate::store::RedisStoreBuilder::max_staleness).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum WhenStale {
    /// The check fails, and the request is refused with 503. This keeps the load of all requests
    /// away from a Redis that is already struggling.
    #[default]
    Refuse,
    /// The check asks Redis directly, and fails if that fails.
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

    /// Returns the namespace: every key begins with it, after an opening brace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.hub().names.namespace
    }

    /// Returns the time at which the revocation memory of Redis began: tokens issued before it are
    /// refused.
    ///
    /// # Errors
    /// [`StoreError`] if Redis does not answer.
    pub async fn remembers_since(&self) -> Result<Timestamp, StoreError> {
        Ok(self.hub().begin().await?)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
