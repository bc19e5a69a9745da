//! What ends mandates, in the keys of a Caracal deployment. `anchor_names` says which they are.

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

/// How many anchors are revoked in one step.
const MOST_AT_ONCE: usize = 500;

/// Revoked anchors, delegation epochs and used mandates in Redis (6.2 or later) or Valkey, in the
/// keys that Caracal's own libraries read and write. Features `mandates` and `redis`.
///
/// Services in Rust, Python, Node and Go that share a Redis see the same revocations. Clones share
/// their connections. It is connected within a Tokio runtime, and works for as long as that runs.
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
/// # What is guaranteed
/// - **Steps.** Each method is one script: atomic, and one round trip. Revoking takes one for each
///   500 anchors.
/// - **Time.** No call takes longer than
///   [`command_timeout`](crate::store::RedisAnchorStoreBuilder::command_timeout). Then it fails,
///   and the mandate is refused with 503. The store reconnects by itself.
/// - **What cannot be read revokes.** Whatever stands in the key of an anchor revokes it. If the
///   epoch of a zone is no number, checks fail for that zone until it is raised: Caracal takes such
///   an epoch for 0, which lets mandates pass. An epoch beyond 2⁶⁴ − 1 is that number.
/// - **No call shortens another.** An anchor stays revoked for the longest time that was ever asked
///   for, an epoch only rises, and a higher one lasts as long as a lower one was to last. A key
///   without an end keeps none. Libraries that set the keys without looking may shorten them.
/// - **Failover.** Every step proves with a write that changes nothing that the node is a master
///   that may write. See [`RedisStore`](crate::store::RedisStore), also for
///   `min-replicas-to-write`.
///
/// # How it is deployed
/// - **Eviction.** `maxmemory-policy noeviction`: all these keys have an end, so that every
///   `volatile-*` policy would throw revocations away, and a revoked mandate would pass. A server
///   with another policy is refused, also later on, unless
///   [`danger_allow_eviction`](crate::store::RedisAnchorStoreBuilder::danger_allow_eviction) is
///   said.
/// - **Persistence.** A Redis that restarts empty has forgotten every revocation, and nothing here
///   notices: Caracal's keys do not vouch for one another, as those of
///   [`RedisStore`](crate::store::RedisStore) do. Use `appendonly yes`, and `appendfsync always`
///   where no second may be lost. What is lost matters until the last mandate of that time has
///   expired: a maximum lifetime of mandates bounds that.
/// - **Permissions.** A user of its own needs the keys
///   `~caracal:revoked:sessions:* ~fauth:caracal:revoked:sessions:*`, the channel
///   `&fauth:caracal:revoked:sessions:*`, and `+@read +@write +@scripting +@pubsub +@connection
///   -@dangerous +time +info +config|get +cluster|info`. For consumers also
///   `~caracal.sessions.revoke* ~caracal.delegations.invalidate* +@stream`. Where it may not
///   publish, connecting fails and says so.
/// - **Other writers.** Services in other languages that set the keys themselves publish nothing.
///   Requests see what they revoke at once. Open connections end at once where the server tells of
///   changed keys: `notify-keyspace-events K$`, and for this user
///   `&__keyspace@*__:caracal:revoked:sessions:*`. Elsewhere, and where the server does not let
///   itself be asked for this setting (`+config|get`), the log says so once, and all that are open
///   are asked about together every 5 seconds.
/// - **Cluster.** The keys of Caracal have no hash tags, so a cluster of several masters is
///   refused.
///
/// # Security
/// Whoever can write to Redis can undo every revocation. Anchors of all zones share one name space,
/// as Caracal has it: an id that revokes in one zone revokes in all.
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

    /// What the names of the anchors' keys begin with.
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
        // Sent again, it would find the id spent, and by nobody. Taken late, it would spend an id
        // whose request was refused.
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

/// An epoch beyond what a mandate can name refuses all of them, as the highest that it can name.
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
