//! The anchor store of a Caracal deployment in Redis. `anchor_names` documents the keys.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    anchor_names::{AnchorNames, is_reserved},
    anchor_news::News,
    fault::Fault,
    link::{Link, Retry},
    reply::Reply,
    scripts,
    step::Step,
};
use crate::store::{
    AnchorState, AnchorStore, Changes, StoreError, StoreLocation, anchor_lifetime, check_anchor,
};

/// The number of anchors that one script revokes.
const MOST_AT_ONCE: usize = 500;

/// An anchor store in Redis (6.2 or later) or Valkey: revoked anchors, delegation epochs and used
/// mandates, in the keys that Caracal's own libraries read and write. Features `mandates` and
/// `redis`.
///
/// Services in Rust, Python, Node and Go that share a Redis see the same revocations. Clones share
/// their connections. Connect the store inside a Tokio runtime; it works for as long as that
/// runtime runs.
///
/// ```no_run
/// use fauth_core::store::{RedisAnchorStore, StreamKey};
///
/// # async fn example(signing_key: StreamKey) -> Result<(), Box<dyn std::error::Error>> {
/// let anchors = RedisAnchorStore::connect("redis://127.0.0.1/").await?;
/// // Keeps it up to date, from the streams of the control plane.
/// let (one, two) = (anchors.revocation_consumer(), anchors.delegation_consumer());
/// let revocations = one.signing_key(signing_key.clone()).build()?.spawn();
/// let delegations = two.signing_key(signing_key).build()?.spawn();
/// // … until the service ends:
/// revocations.shutdown().await;
/// delegations.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - **Atomicity.** Each method is one script: atomic, and one round trip. Revoking takes one for
///   each 500 anchors.
/// - **Time.** No call takes longer than
///   [`command_timeout`](crate::store::RedisAnchorStoreBuilder::command_timeout). After that it
///   fails, and the mandate is refused with 503. The store reconnects by itself.
/// - **Unreadable values revoke.** Any value in the key of an anchor revokes it. If the epoch of a
///   zone is not a number, checks fail for that zone until the epoch is raised. (Caracal reads such
///   an epoch as 0, which accepts mandates.) An epoch beyond 2⁶⁴ − 1 counts as that number.
/// - **No call shortens another.** An anchor stays revoked for the longest time that any call asked
///   for. An epoch only rises, and a higher epoch lasts at least as long as the lower one would
///   have. A key without a time to live keeps none. Libraries that set the keys unconditionally may
///   shorten them.
/// - **Failover.** Every script makes a write without effect, which only a master with write
///   permission accepts. See [`RedisStore`](crate::store::RedisStore), also for
///   `min-replicas-to-write`.
///
/// # Deployment
/// - **Eviction.** Use `maxmemory-policy noeviction`. All these keys have a time to live, so every
///   `volatile-*` policy would evict revocations, and a revoked mandate would be accepted. A server
///   with another policy is refused when the store connects and later on, unless
///   [`danger_allow_eviction`](crate::store::RedisAnchorStoreBuilder::danger_allow_eviction) is
///   called.
/// - **Persistence.** A Redis that restarts empty has lost every revocation, and nothing here
///   detects that: Caracal's keys have no markers for detecting loss, unlike those of
///   [`RedisStore`](crate::store::RedisStore). Use `appendonly yes`, and `appendfsync always` if
///   not even a second may be lost. A loss matters until the last mandate issued before it has
///   expired; a maximum lifetime of mandates bounds that time.
/// - **Permissions.** A dedicated Redis user needs the keys `~caracal:revoked:sessions:*
///   ~fauth:caracal:revoked:sessions:*`, the channel `&fauth:caracal:revoked:sessions:*`, and
///   `+@read +@write +@scripting +@pubsub +@connection -@dangerous +time +info +config|get
///   +cluster|info`. Stream consumers also need `~caracal.sessions.revoke*
///   ~caracal.delegations.invalidate* +@stream`. Connecting fails with an error that says so if the
///   user may not publish.
/// - **Other writers.** Services in other languages that set the keys themselves publish no
///   changes. Requests are refused at once after such a revocation. Open connections end at once if
///   the server sends keyspace notifications: set `notify-keyspace-events K$`, and grant this user
///   `&__keyspace@*__:caracal:revoked:sessions:*`. Otherwise, and where the setting cannot be read
///   (`+config|get`), one log record says so, and the anchors of all open connections are checked
///   together every 5 seconds.
/// - **Cluster.** Caracal's keys have no hash tags, so connecting to a cluster with more than one
///   master fails.
///
/// # Security
/// Anyone who can write to Redis can undo every revocation. Anchors of all zones share one name
/// space, as in Caracal: an id revoked in one zone is revoked in all.
#[derive(Clone)]
pub struct RedisAnchorStore {
    shared: Arc<Shared>,
}

struct Shared {
    link: Link,
    names: AnchorNames,
    news: News,
    place: StoreLocation,
}

impl RedisAnchorStore {
    pub(super) fn new(link: Link, names: AnchorNames, place: StoreLocation) -> Self {
        let news = News::new(link.clone(), &names);
        Self { shared: Arc::new(Shared { link, names, news, place }) }
    }

    /// Returns the prefix of the anchors' keys.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.names().anchor_prefix()
    }

    pub(super) fn link(&self) -> &Link {
        &self.shared.link
    }

    pub(super) fn names(&self) -> &AnchorNames {
        &self.shared.names
    }

    async fn run(&self, step: &Step, retry: Retry) -> Result<Reply, Fault> {
        let reply = self.link().run(step, retry).await?;
        reply.done()?;
        Ok(reply)
    }

    async fn revoke_some(&self, anchors: &[&str], millis: u64) -> Result<(), Fault> {
        let mut step = self.names().step(&scripts::ANCHORS_REVOKE);
        step.arg(millis).arg(&self.names().channel);
        for anchor in anchors {
            step.key(self.names().anchor(anchor)).arg(*anchor);
        }
        self.run(&step, Retry::Yes).await?;
        for anchor in anchors {
            self.shared.news.tell(anchor);
        }
        Ok(())
    }
}

#[async_trait]
impl AnchorStore for RedisAnchorStore {
    fn location(&self) -> StoreLocation {
        self.shared.place.clone()
    }

    fn changes(&self) -> Option<Changes> {
        Some(self.shared.news.listen())
    }

    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError> {
        let epoch_key = self.names().epoch(zone);
        let mut step = self.names().step(&scripts::ANCHORS_CHECK);
        step.key(&epoch_key);
        let mut has_reserved = false;
        for anchor in anchors.iter().filter(|anchor| !anchor.is_empty()) {
            has_reserved |= is_reserved(anchor);
            step.key(self.names().anchor(anchor));
        }
        let mut reply = self.run(&step, Retry::Yes).await?;
        let is_revoked = reply.parsed::<u64>()? > 0 || has_reserved;
        let epoch = match reply.optional_text()? {
            None => 0,
            Some(digits) => epoch_of(&digits).ok_or(Fault::NoEpoch(epoch_key))?,
        };
        Ok(AnchorState::new(is_revoked, epoch))
    }

    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError> {
        let millis = millis(lasting)?;
        anchors.iter().try_for_each(|anchor| check_anchor(anchor))?;
        if anchors.iter().any(|anchor| is_reserved(anchor)) {
            return Err(Fault::ReservedAnchor.into());
        }
        let anchors: Vec<_> = anchors.iter().copied().filter(|anchor| !anchor.is_empty()).collect();
        for some in anchors.chunks(MOST_AT_ONCE) {
            self.revoke_some(some, millis).await?;
        }
        Ok(())
    }

    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError> {
        let millis = millis(lasting)?;
        check_anchor(zone)?;
        let key = self.names().epoch(zone);
        let mut step = self.names().step(&scripts::ANCHORS_RAISE_EPOCH);
        step.key(&key).arg(epoch).arg(millis).arg(&self.names().channel).arg(zone);
        let digits = self.run(&step, Retry::Yes).await?.text()?;
        self.shared.news.tell(zone);
        Ok(epoch_of(&digits).ok_or(Fault::NoEpoch(key))?)
    }

    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError> {
        let millis = millis(lasting)?;
        check_anchor(id)?;
        let mut step = self.names().step(&scripts::ANCHORS_SPEND);
        step.key(self.names().spent(id)).arg(millis);
        // A repeated step would find the id spent although no request was accepted. A late step
        // would spend the id of a mandate whose request was refused.
        let mut reply = self.run(&step, Retry::NotAfterDeadline).await?;
        Ok(reply.parsed::<u8>()? == 1)
    }
}

impl fmt::Debug for RedisAnchorStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAnchorStore").field("prefix", &self.prefix()).finish_non_exhaustive()
    }
}

fn millis(lasting: Duration) -> Result<u64, StoreError> {
    let lasting = anchor_lifetime(lasting)?;
    Ok(u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX))
}

/// An epoch above the maximum that a mandate can name counts as that maximum, which refuses all of
/// them.
fn epoch_of(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing {
    use super::epoch_of;

    /// Checks that an epoch that does not fit becomes the greatest one.
    pub(in crate::store::redis) fn read(bytes: &[u8]) -> bool {
        let Ok(digits) = std::str::from_utf8(bytes) else { return false };
        let Some(epoch) = epoch_of(digits) else { return false };
        let digits = digits.trim_start_matches('0');
        assert!(epoch == u64::MAX || epoch.to_string().trim_start_matches('0') == digits);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_digits_and_nothing_else() {
        assert_eq!(epoch_of("0"), Some(0));
        assert_eq!(epoch_of("007"), Some(7));
        assert_eq!(epoch_of("18446744073709551615"), Some(u64::MAX));
        assert_eq!(epoch_of("18446744073709551616"), Some(u64::MAX));
        assert_eq!(epoch_of(&"9".repeat(400)), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.0", "1e3", " 1", "1\n", "one", "١"] {
            assert_eq!(epoch_of(text), None, "{text}");
        }
    }
}
