//! How a consumer is set up, and what can be wrong with it.

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
    /// Starts a consumer of `caracal.sessions.revoke`, in the group `resource-revocation`, that
    /// revokes here what the control plane revokes.
    pub fn revocation_consumer(&self) -> StreamConsumerBuilder {
        let names = ("caracal.sessions.revoke", "resource-revocation");
        StreamConsumerBuilder::new(self, Topic::Revocations, names)
    }

    /// Starts a consumer of `caracal.delegations.invalidate`, in the group
    /// `resource-delegation-invalidation`, that raises here the delegation epochs of zones.
    pub fn delegation_consumer(&self) -> StreamConsumerBuilder {
        let names = ("caracal.delegations.invalidate", "resource-delegation-invalidation");
        StreamConsumerBuilder::new(self, Topic::Delegations, names)
    }
}

/// Settings of a [`StreamConsumer`]. A key that verifies signatures must be given.
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

    /// The key under which entries are signed: the `STREAMS_HMAC_KEY` of the deployment. Given more
    /// than once, a signature by any of them is good, so that keys can be exchanged.
    pub fn signing_key(mut self, key: StreamKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Accepts entries without a signature, and looks at none.
    ///
    /// # Security
    /// Whoever can write to the stream can revoke every session, and raise the epoch of a zone so
    /// far that no delegation passes any more.
    pub fn danger_unsigned(mut self) -> Self {
        self.is_unsigned = true;
        self
    }

    /// Which store is told; by default the one that this was started from, whose Redis has the
    /// stream. A store in another place needs a [`group`](Self::group) of its own.
    pub fn anchors(mut self, anchors: impl AnchorStore) -> Self {
        self.anchors = Arc::new(anchors);
        self
    }

    /// The name of the stream. Its dead letters are in `STREAM.dead`.
    pub fn stream(mut self, stream: impl Into<String>) -> Self {
        self.stream = stream.into();
        self
    }

    /// The name of the group. Redis delivers each entry to one consumer of a group: all services
    /// that share a store of anchors share a group, and one that has a store of its own needs a
    /// group of its own. A store in the memory of a process needs one for each process.
    ///
    /// By default `resource-revocation` or `resource-delegation-invalidation`, which all services
    /// share that use the keys of the deployment. So a store with a
    /// [prefix](crate::store::RedisAnchorStoreBuilder::prefix) of its own has no default: name the
    /// group of those that have the same prefix.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// The name of this consumer in its group; by default a new one for each, which leaves the
    /// group when the consumer ends. One that comes back under its name goes on at once with what
    /// it had not acknowledged. Two that run must not have the same.
    pub fn consumer(mut self, consumer: impl Into<String>) -> Self {
        self.consumer = Some(consumer.into());
        self
    }

    /// How many entries are read at a time; 1 to 1000, by default 50.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// How long Redis waits for a new entry before it says that there is none; 10 ms to one
    /// minute, by default 5 s. New entries are delivered at once all the same.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// After how long a delivery that was not acknowledged is taken from another consumer, which
    /// may have crashed; 10 ms to one hour, by default 30 s. It has to be longer than a batch
    /// takes: what is carried out twice does no harm, and is work.
    pub fn pending_idle(mut self, pending_idle: Duration) -> Self {
        self.pending_idle = pending_idle;
        self
    }

    /// About how many dead letters are kept; 1 to one million, by default 10 000. Redis removes the
    /// oldest, some 100 at a time.
    pub fn dead_letters(mut self, most: usize) -> Self {
        self.dead_letters = most;
        self
    }

    /// For how long what is revoked stays so, and an epoch is remembered; by default
    /// [`DEFAULT_ANCHOR_LIFETIME`]. It has to be longer than mandates last.
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// Builds the consumer. Nothing is read yet.
    ///
    /// # Errors
    /// [`ConfigError`] for a setting that cannot work: without a key that verifies signatures,
    /// unless [`danger_unsigned`](Self::danger_unsigned) is said; with both; a number or a name
    /// that is out of its range; a store of [its own](Self::anchors), or with a prefix of its own,
    /// without a [`group`](Self::group).
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
                "is missing: whoever can write to the stream could revoke everything",
                "give the `STREAMS_HMAC_KEY` of the deployment, as `StreamKey::from_hex(…)`, or say \
                 `danger_unsigned()`",
            ),
            (false, true) => (
                "is given, and `danger_unsigned()` is said, with which nobody would look at it",
                "leave one of them out",
            ),
        };
        Err(ConfigError::new("signing_key", problem, fix))
    }

    fn group_name(&self) -> &str {
        self.group.as_deref().unwrap_or(self.default_group)
    }

    /// Redis delivers an entry to one consumer of a group: what went into a store of its own is
    /// lost for all others, without a word. Keys with a prefix of their own are such a store.
    fn check_group(&self) -> Result<(), ConfigError> {
        let place = self.anchors.location();
        let is_told = (place.is_same_as(&self.redis.location()) && self.redis.prefix() == PREFIX)
            || (self.group.is_some() && place.can_be_shared())
            || self.group_name() != self.default_group;
        if is_told {
            return Ok(());
        }
        let problem = format!(
            "is `{}`, which all services share, and the store is one that they may not share, by its prefix or \
             by `anchors(…)`: what one consumer of a group takes, the others never get",
            self.default_group
        );
        let fix = "name a group as `group(…)`, that of all services with the same store; a store in the memory \
                   of a process needs one for each process";
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
    let problem = "is empty, over 256 bytes, or has a blank or a control character";
    Err(ConfigError::new(field, problem, "use a name of visible characters"))
}

fn new_name() -> Result<String, ConfigError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| {
        ConfigError::new("consumer", "got no name: the system has no random bytes", "give it a name")
    })?;
    Ok(format!("{GIVEN}{}", hexadecimal(&bytes)))
}
