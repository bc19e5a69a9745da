//! Settings of a [`StreamConsumer`] and their validation.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    consumer::{Settings, StreamConsumer},
    entry::{Signatures, Topic},
    wire::{GIVEN, Seat},
};
use crate::{
    error::ConfigError,
    store::{
        AnchorStore, DEFAULT_ANCHOR_LIFETIME, RedisAnchorStore, StreamKey, anchor_lifetime,
        redis::{anchor_builder::PREFIX, step::hexadecimal},
    },
};

impl RedisAnchorStore {
    /// Returns a builder for a consumer of `caracal.sessions.revoke`, in the group
    /// `resource-revocation`. It revokes in this store what the control plane revokes.
    pub fn revocation_consumer(&self) -> StreamConsumerBuilder {
        let names = ("caracal.sessions.revoke", "resource-revocation");
        StreamConsumerBuilder::new(self, Topic::Revocations, names)
    }

    /// Returns a builder for a consumer of `caracal.delegations.invalidate`, in the group
    /// `resource-delegation-invalidation`. It raises the delegation epochs of zones in this store.
    pub fn delegation_consumer(&self) -> StreamConsumerBuilder {
        let names = ("caracal.delegations.invalidate", "resource-delegation-invalidation");
        StreamConsumerBuilder::new(self, Topic::Delegations, names)
    }
}

/// Settings of a [`StreamConsumer`]. A [`signing_key`](Self::signing_key) is required.
#[must_use]
pub struct StreamConsumerBuilder {
    redis: RedisAnchorStore,
    anchors: Arc<dyn AnchorStore>,
    topic: Topic,
    stream: String,
    default_group: &'static str,
    group: Option<String>,
    consumer: Option<String>,
    keys: Vec<StreamKey>,
    is_unsigned: bool,
    batch_size: usize,
    wait: Duration,
    pending_idle: Duration,
    dead_letters: usize,
    lasting: Duration,
}

impl fmt::Debug for StreamConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StreamConsumerBuilder");
        shown.field("stream", &self.stream).field("group", &self.group_name()).finish_non_exhaustive()
    }
}

impl StreamConsumerBuilder {
    fn new(redis: &RedisAnchorStore, topic: Topic, (stream, group): (&str, &'static str)) -> Self {
        Self {
            redis: redis.clone(),
            anchors: Arc::new(redis.clone()),
            topic,
            stream: stream.to_owned(),
            default_group: group,
            group: None,
            consumer: None,
            keys: Vec::new(),
            is_unsigned: false,
            batch_size: 50,
            wait: Duration::from_secs(5),
            pending_idle: Duration::from_secs(30),
            dead_letters: 10_000,
            lasting: DEFAULT_ANCHOR_LIFETIME,
        }
    }

    /// Adds a key that entries may be signed with: the `STREAMS_HMAC_KEY` of the deployment. Call
    /// it more than once to rotate keys: a signature by any of the keys is valid.
    pub fn signing_key(mut self, key: StreamKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Accepts entries without a signature, and verifies no signature.
    ///
    /// # Security
    /// Anyone who can write to the stream can then revoke every session, and raise the epoch of a
    /// zone so far that no delegation is accepted any more.
    pub fn danger_unsigned(mut self) -> Self {
        self.is_unsigned = true;
        self
    }

    /// Sets the anchor store to update. The default is the store that this builder was made from,
    /// whose Redis holds the stream. A store in another place needs a [`group`](Self::group) of its
    /// own.
    pub fn anchors(mut self, anchors: impl AnchorStore) -> Self {
        self.anchors = Arc::new(anchors);
        self
    }

    /// Sets the name of the stream. Its dead letters go to `STREAM.dead`.
    pub fn stream(mut self, stream: impl Into<String>) -> Self {
        self.stream = stream.into();
        self
    }

    /// Sets the name of the consumer group. Redis delivers each entry to one consumer of a group.
    /// So all services that share an anchor store must share a group, and services with different
    /// stores need different groups. A store in the memory of a process needs a group for each
    /// process.
    ///
    /// The default is `resource-revocation` or `resource-delegation-invalidation`, the group of all
    /// services that use the keys of the deployment. A store with another
    /// [prefix](crate::store::RedisAnchorStoreBuilder::prefix) has no default: name the group of
    /// all services that use that prefix.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the name of this consumer in its group. By default each consumer gets a random name,
    /// and leaves the group when it ends. A consumer that restarts under the same name continues at
    /// once with the entries that it had not acknowledged. No two running consumers may have the
    /// same name.
    pub fn consumer(mut self, consumer: impl Into<String>) -> Self {
        self.consumer = Some(consumer.into());
        self
    }

    /// Sets how many entries are read at a time; 1 to 1000, by default 50.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets how long Redis waits for a new entry before it answers that there is none; 10 ms to one
    /// minute, by default 5 s. A new entry is delivered immediately whatever this time is.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets after how long an unacknowledged delivery is claimed from another consumer, which may
    /// have crashed; 10 ms to one hour, by default 30 s. It must be longer than a batch takes:
    /// carrying out an entry twice is harmless, but wasted work.
    pub fn pending_idle(mut self, pending_idle: Duration) -> Self {
        self.pending_idle = pending_idle;
        self
    }

    /// Sets approximately how many dead letters are kept; 1 to one million, by default 10 000.
    /// Redis removes the oldest, about 100 at a time.
    pub fn dead_letters(mut self, most: usize) -> Self {
        self.dead_letters = most;
        self
    }

    /// Sets how long anchors stay revoked and epochs are remembered; by default
    /// [`DEFAULT_ANCHOR_LIFETIME`]. It must be longer than the lifetime of mandates.
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// Builds the consumer without reading anything yet.
    ///
    /// # Errors
    /// [`ConfigError`]
    /// - if there is neither a [`signing_key`](Self::signing_key) nor
    ///   [`danger_unsigned`](Self::danger_unsigned), or both;
    /// - for a number or a name out of range;
    /// - for a store in [another place](Self::anchors), or with another prefix, without a
    ///   [`group`](Self::group).
    pub fn build(self) -> Result<StreamConsumer, ConfigError> {
        self.check_keys()?;
        let names = [("stream", &*self.stream), ("group", self.group_name())];
        let consumer = self.consumer.as_deref().map(|consumer| ("consumer", consumer));
        names.into_iter().chain(consumer).try_for_each(|(field, name)| check_name(field, name))?;
        self.check_numbers()?;
        self.check_group()?;
        let group = self.group_name().to_owned();
        let is_given = self.consumer.is_none();
        let consumer = match self.consumer {
            Some(consumer) => consumer,
            None => new_name()?,
        };
        let seat = Seat { stream: self.stream.clone(), group, consumer };
        Ok(StreamConsumer::new(
            self.redis,
            Settings {
                anchors: self.anchors,
                topic: self.topic,
                seat,
                is_given,
                signatures: Signatures { stream: self.stream, keys: self.keys },
                batch_size: self.batch_size,
                wait: self.wait,
                pending_idle: self.pending_idle,
                dead_letters: self.dead_letters,
                lasting: self.lasting,
            },
        ))
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        let (problem, fix) = match (self.keys.is_empty(), self.is_unsigned) {
            (false, false) | (true, true) => return Ok(()),
            (true, false) => (
                "is missing, so anyone who can write to the stream could revoke everything",
                "set the `STREAMS_HMAC_KEY` of the deployment, as `StreamKey::from_hex(…)`, or call \
                 `danger_unsigned()`",
            ),
            (false, true) => {
                ("is set together with `danger_unsigned()`, which would ignore it", "leave one of them out")
            }
        };
        Err(ConfigError::new("signing_key", problem, fix))
    }

    fn group_name(&self) -> &str {
        self.group.as_deref().unwrap_or(self.default_group)
    }

    /// Redis delivers an entry to one consumer of a group: an entry that went into a separate store
    /// is silently lost for all other services. A store with another prefix is such a store.
    fn check_group(&self) -> Result<(), ConfigError> {
        let place = self.anchors.location();
        let is_told = (place.is_same_as(&self.redis.location()) && self.redis.prefix() == PREFIX)
            || (self.group.is_some() && place.can_be_shared())
            || self.group_name() != self.default_group;
        if is_told {
            return Ok(());
        }
        let problem = format!(
            "is `{}`, the group of all services of the deployment, but this store has another prefix or place \
             (`anchors(…)`): an entry that one consumer of a group takes never reaches the others",
            self.default_group
        );
        let fix = "set a group with `group(…)`, the same for all services with this store; a store in the memory \
                   of a process needs a group for each process";
        Err(ConfigError::new("group", problem, fix))
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let (ten_millis, minute, hour) =
            (Duration::from_millis(10), Duration::from_secs(60), Duration::from_secs(3600));
        let checks = [
            ("batch_size", (1..=1000).contains(&self.batch_size), "use 1 to 1000"),
            ("wait", (ten_millis..=minute).contains(&self.wait), "use 10 ms to one minute"),
            ("pending_idle", (ten_millis..=hour).contains(&self.pending_idle), "use 10 ms to one hour"),
            ("dead_letters", (1..=1_000_000).contains(&self.dead_letters), "use 1 to one million"),
            ("lasting", anchor_lifetime(self.lasting).is_ok(), "use a time above zero"),
        ];
        match checks.into_iter().find(|(_, is_good, _)| !is_good) {
            Some((field, _, fix)) => Err(ConfigError::new(field, "is out of range", fix)),
            None => Ok(()),
        }
    }
}

fn check_name(field: &'static str, name: &str) -> Result<(), ConfigError> {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control();
    if (1..=256).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    let problem = "is empty, over 256 bytes, or has white space or a control character";
    Err(ConfigError::new(field, problem, "use visible characters only"))
}

fn new_name() -> Result<String, ConfigError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| {
        ConfigError::new(
            "consumer",
            "got no random name: the system returned no random bytes",
            "set a name with `consumer(…)`",
        )
    })?;
    Ok(format!("{GIVEN}{}", hexadecimal(&bytes)))
}
