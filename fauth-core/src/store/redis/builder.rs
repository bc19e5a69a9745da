//! How a store is set up, and what can be wrong with it.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Client, Value};
use zeroize::Zeroizing;

use super::{Hub, Link, Mirror, Names, RedisStore, Shared, StoreError, fault::Fault};
use crate::{
    clock::{Clock, SystemClock},
    error::ConfigError,
};

/// What a check does when the mirror is older than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum WhenStale {
    /// Fails, and the request is refused with 503. Redis does not get the load of all requests at the moment it struggles.
    #[default]
    Refuse,
    /// Asks Redis directly, and fails if that fails.
    AskRedis,
}

/// Why a store could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// A setting, of the store or of the server, cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot be reached, or does not answer as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Settings of a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    url: Zeroizing<String>,
    namespace: String,
    clock: Arc<dyn Clock>,
    mirror: bool,
    max_staleness: Duration,
    when_stale: WhenStale,
    command_timeout: Duration,
    allow_eviction: bool,
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl RedisStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: Zeroizing::new(url.to_owned()),
            namespace: "fauth".to_owned(),
            clock: Arc::new(SystemClock),
            mirror: true,
            max_staleness: Duration::from_secs(5),
            when_stale: WhenStale::default(),
            command_timeout: Duration::from_secs(2),
            allow_eviction: false,
        }
    }

    /// What the names of all keys begin with, in braces: 1 to 64 of `a-z A-Z 0-9 _ - .`; by default `fauth`. Services that share users' sessions share it, others
    /// have their own.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Where the store gets the time from when it begins to remember, and when it forgets; by default the [`SystemClock`]. It has to be the clock of the
    /// provider.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Is every instance to keep a copy of all revocations, so that no check waits for the network? By default, yes. It takes about 150 bytes for each.
    pub fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// How old the copy may be; 200 ms to one hour, by default 5 s. So long may a token be accepted that another instance has
    /// revoked, while this one does not hear from Redis.
    ///
    /// Two clocks tell how old it is: one that nobody sets, and, for a machine that was suspended, that of the [store](Self::clock). Whoever sets the latter by more than 2 s (ahead: by more than
    /// `max_staleness` and 2 s) makes checks fail until Redis has answered again.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// What a check does when the copy is older; by default it [refuses](WhenStale::Refuse).
    pub fn when_stale(mut self, when_stale: WhenStale) -> Self {
        self.when_stale = when_stale;
        self
    }

    /// How long anybody waits for an answer, reconnecting included; 10 ms to one minute, by default 2 s. A login, an exchange, a one-time token or a new key that
    /// Redis comes to later than twice this time does not happen any more. Keep it below half the grace window of refresh tokens.
    pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
        self.command_timeout = command_timeout;
        self
    }

    /// Accepts a server that throws keys away when its memory is full.
    ///
    /// # Security
    /// It throws away revocations and sessions: logged-out tokens work again, and nobody notices.
    pub fn danger_allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    /// Connects. Returns when the server has answered and the copy of the revocations is complete; on the very first start of a namespace that takes up to a second,
    /// since tokens of the second in which a memory begins are not trusted.
    ///
    /// # Errors
    /// [`RedisConnectError::Config`] for a setting that cannot work, and for a server that evicts; [`RedisConnectError::Store`] if the server cannot be reached.
    pub async fn connect(self) -> Result<RedisStore, RedisConnectError> {
        let client = self.validate()?;
        let link = Link::open(client, self.command_timeout).await.map_err(StoreError::from)?;
        if !self.allow_eviction {
            refuse_eviction(&link).await?;
        }
        let hub = Hub { link, names: Arc::new(Names::new(&self.namespace)), clock: self.clock };
        let shared = Self::begin(hub, self.mirror.then_some(self.max_staleness), self.when_stale).await;
        Ok(RedisStore { shared: Arc::new(shared.map_err(StoreError::from)?) })
    }

    async fn begin(hub: Hub, mirror: Option<Duration>, when_stale: WhenStale) -> Result<Shared, Fault> {
        let since = hub.begin().await?;
        hub.wait_for(since).await?;
        let mirror = match mirror {
            Some(max_staleness) => Some(Mirror::start(hub.clone(), max_staleness).await?),
            None => None,
        };
        Ok(Shared { hub, mirror, when_stale })
    }

    fn validate(&self) -> Result<Client, ConfigError> {
        let ordinary = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(1..=64).contains(&self.namespace.len()) || !self.namespace.bytes().all(ordinary) {
            let problem = "is empty, over 64 bytes, or has a character that is not ordinary";
            return Err(ConfigError::new("namespace", problem, "use letters, digits, `_`, `-` and `.`"));
        }
        if !(Duration::from_millis(200)..=Duration::from_secs(3600)).contains(&self.max_staleness) {
            return Err(ConfigError::new("max_staleness", "is out of range", "use 200 ms to one hour"));
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.command_timeout) {
            return Err(ConfigError::new("command_timeout", "is out of range", "use 10 ms to one minute"));
        }
        // What the library says of a URL is not passed on: it may quote it.
        Client::open(self.url.as_str()).map_err(|_| {
            let fix = "use `redis://[user[:password]@]host[:port][/database]`, and a TLS feature of `redis` for `rediss://`";
            ConfigError::new("url", "is no URL of a Redis server that can be used", fix)
        })
    }
}

/// Asks the server whether it throws keys away. One that does not tell is believed.
async fn refuse_eviction(link: &Link) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("maxmemory-policy");
    let answer = match link.command(&command).await {
        Ok(answer) => answer,
        Err(Fault::Redis(error)) if !error.is_io_error() => {
            tracing::info!(target: "fauth", "redis does not tell its maxmemory-policy: make sure that it is `noeviction`");
            return Ok(());
        }
        Err(fault) => return Err(StoreError::from(fault).into()),
    };
    match policy_in(&answer) {
        Some(policy) if policy != "noeviction" => Err(ConfigError::new(
            "maxmemory-policy",
            format!("is `{}` on the server: it throws revocations away", policy.escape_default()),
            "set it to `noeviction`, or give fauth a server of its own",
        )
        .into()),
        _ => Ok(()),
    }
}

fn policy_in(answer: &Value) -> Option<String> {
    let value = match answer {
        Value::Map(pairs) => pairs.first().map(|(_, value)| value),
        Value::Array(values) => values.get(1),
        _ => None,
    };
    value.and_then(|value| redis::from_redis_value_ref(value).ok())
}
