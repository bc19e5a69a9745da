//! Everything in Redis or Valkey: for services of more than one instance.

mod api_keys;
mod builder;
mod deadline;
mod fault;
mod link;
mod mirror;
mod names;
mod one_times;
mod reply;
mod revocations;
mod scripts;
mod sessions;

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

pub use builder::{RedisConnectError, RedisStoreBuilder, WhenStale};
use fault::Fault;
use link::{Again, Link};
use mirror::Mirror;
use names::{Names, Step};
use reply::Reply;

use super::StoreError;
use crate::clock::{Clock, Timestamp};

/// Sessions, revocations, one-time tokens and API keys in Redis (6.2 or later) or Valkey. Feature `redis`.
///
/// Clones share their connections. It is connected within a Tokio runtime, and works for as long as that runs.
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
/// For `rediss://` add the crate `redis` to your own manifest, with one of its TLS features (`tokio-rustls-comp`, `tls-rustls-webpki-roots`).
///
/// # What is guaranteed
/// - **Steps.** Each method is one script: atomic, and one round trip. All keys share one slot of a cluster; but a store talks to one node, and follows no redirection.
/// - **Durability.** What is confirmed is as safe as Redis makes it. With `appendonly yes` and `appendfsync always` a confirmed step survives a crash; with
///   `everysec`, or when a replica takes over, the last second may be lost. Every instance whose mirror is on writes back the revocations that it
///   finds missing then. Sessions come back as they were a second ago.
/// - **Staleness.** With the mirror (the default) a check asks nobody. It sees what other instances revoke within about a millisecond, and never
///   later than [`max_staleness`](RedisStoreBuilder::max_staleness): an older mirror is not believed. Without the mirror nothing is ever stale, and every check is a round trip.
/// - **When Redis is down**, every method fails within [`command_timeout`](RedisStoreBuilder::command_timeout), and so does a check once the mirror is too old. The
///   connection mends itself.
/// - **Failover.** Every step, and every beat of a mirror, proves with a write that changes nothing that the node is a master that may write: a node that was
///   demoted fails them, and checks fail once the mirror is too old. An old master that is cut off from its replicas does not know that another has taken its place. It
///   notices with `min-replicas-to-write 1` and `min-replicas-max-lag` (its seconds come on top of `max_staleness`): set both wherever a replica may take over.
///   A server that refuses writes for another reason (`MISCONF`: its disk is full) is not believed either. A replica with `replica-read-only no` is not recognised.
/// - **When Redis stands still and goes on**, it does not do what has failed meanwhile: a login whose caller was told 503 crowds out no session, and the next refresh is not taken for a
///   theft. What ends or revokes something happens nevertheless. For this the time of Redis is asked for every 30 s. If its clock jumps ahead by more than
///   `command_timeout`, the next of these steps fails, once; if it jumps back, what is late may happen until it is asked again.
/// - **When Redis has lost everything** (restarted empty, flushed), a new memory begins: tokens that were issued before are
///   [`BeforeMemory`](super::Verdict::BeforeMemory), and everybody logs in again. API keys are lost too: they are better kept in SQL.
///
/// # Security
/// Whoever can write to Redis can undo every revocation, and whoever can evict from it as well: use `maxmemory-policy noeviction`. The clocks of all
/// instances have to agree to within a second where a lost memory is to be noticed for every token.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Hub,
    mirror: Option<Mirror>,
    when_stale: WhenStale,
}

impl RedisStore {
    /// A store with every setting as it is by default.
    ///
    /// # Errors
    /// [`RedisConnectError`], as of [`RedisStoreBuilder::connect`].
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// A store with settings of your own. The URL is `redis://[user[:password]@]host[:port][/database]`.
    pub fn builder(url: impl AsRef<str>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url.as_ref())
    }

    /// What the names of all its keys begin with, between braces.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.shared.hub.names.namespace
    }

    /// Since when Redis remembers: tokens that were issued before are refused.
    ///
    /// # Errors
    /// [`StoreError`] if Redis does not say.
    pub async fn remembers_since(&self) -> Result<Timestamp, StoreError> {
        Ok(self.shared.hub.begin().await?)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}

/// Where scripts are run. The task behind the mirror has one too.
#[derive(Clone)]
struct Hub {
    link: Link,
    names: Arc<Names>,
    clock: Arc<dyn Clock>,
}

impl Hub {
    /// Runs a script. If Redis has lost its memory, a new one begins first.
    async fn ask(&self, step: &Step, again: Again) -> Result<Reply, Fault> {
        let reply = self.link.run(step, again).await?;
        if !reply.is("lost") {
            return Ok(reply);
        }
        let since = self.begin().await?;
        tracing::warn!(target: "fauth", %since, "redis remembers nothing: tokens issued before are refused");
        self.wait_for(since).await?;
        let reply = self.link.run(step, again).await?;
        if reply.is("lost") { Err(Fault::KeepsForgetting) } else { Ok(reply) }
    }

    /// Since when Redis remembers: from now on, if it has no memory yet.
    async fn begin(&self) -> Result<Timestamp, Fault> {
        let (step, _) = self.begin_step()?;
        let mut reply = self.link.run(&step, Again::Yes).await?;
        reply.done()?;
        reply.time()
    }

    /// The script that begins a memory where there is none, and since when that would last.
    fn begin_step(&self) -> Result<(Step, Timestamp), Fault> {
        // A token of the running second may have been issued, and revoked, before the memory was lost.
        let since = self.clock.now()?.checked_add(Duration::from_secs(1)).unwrap_or(Timestamp::MAX);
        let mut step = Step::new(&scripts::BEGIN);
        step.key(&self.names.generation).arg(random_id()?).arg(names::seconds(since));
        Ok((step, since))
    }

    /// Tokens that were issued earlier would never be trusted. A clock that stands still is not waited for.
    async fn wait_for(&self, since: Timestamp) -> Result<(), Fault> {
        for _ in 0..44 {
            if self.clock.now()? >= since {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }
}

fn random_id() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
