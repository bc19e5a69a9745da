//! How a store is set up, and what can be wrong with it.

use std::{fmt, sync::Arc, time::Duration};

use redis::Client;

use super::{
    address::{Address, place, server_of},
    fault::RedisConnectError,
    hub::Hub,
    mirror::Mirror,
    names::Names,
    server,
    store::{RedisStore, WhenStale},
};
use crate::{
    clock::{Clock, SystemClock},
    error::ConfigError,
    store::StoreLocation,
};

impl RedisStore {
    /// A store with every setting as it is by default.
    ///
    /// # Errors
    /// [`RedisConnectError`], as of [`RedisStoreBuilder::connect`].
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// A store with settings of your own. The URL is
    /// `redis://[user[:password]@]host[:port][/database]`, or with TLS (feature `tls`)
    /// `rediss://…`.
    pub fn builder(url: impl AsRef<str>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url.as_ref())
    }
}

/// Settings of a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    address: Address,
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
    fn new(url: &str) -> Self {
        Self {
            address: Address::new(url),
            namespace: "fauth".to_owned(),
            clock: Arc::new(SystemClock),
            mirror: true,
            max_staleness: Duration::from_secs(5),
            when_stale: WhenStale::default(),
            command_timeout: Duration::from_secs(2),
            allow_eviction: false,
        }
    }

    /// The certificate authority, in PEM, that has signed the certificate of a `rediss://` server.
    /// By default those that the system trusts (or that `SSL_CERT_FILE` names); this one takes
    /// their place.
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.address.root_certificate(pem.into());
        self
    }

    /// What the names of all keys begin with, after an opening brace: 1 to 64 of `a-z A-Z 0-9 _ -
    /// .`; by default `fauth`. All instances of one application have the same; applications of
    /// different names share nothing in it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Where the store gets the time from when it begins to remember, and when it forgets; by
    /// default the [`SystemClock`]. It has to be the clock of the provider.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether every instance keeps a copy of all revocations, so that no check waits for the
    /// network. By default it does. A copy takes about 200 bytes for each entry.
    pub fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// How old the copy may be; 200 ms to one hour, by default 5 s. For so long this instance may
    /// accept a token that another has revoked, while it does not hear from Redis.
    ///
    /// Two clocks tell how old the copy is: one that nobody sets, and, for a machine that was
    /// suspended, that of the [store](Self::clock). If the latter is set by more than 2 s (ahead:
    /// by more than `max_staleness` and 2 s), checks fail until Redis has answered again.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// What a check does when the copy is older; by default it [refuses](WhenStale::Refuse).
    pub fn when_stale(mut self, when_stale: WhenStale) -> Self {
        self.when_stale = when_stale;
        self
    }

    /// How long a call waits for an answer, reconnecting included; 10 ms to one minute, by default
    /// 2 s. Connecting for the first time takes twice as long at most. A login, a refresh, a
    /// one-time token or a new key that Redis comes to later than twice this time does not happen
    /// any more. Keep it below half the grace window of refresh tokens.
    pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
        self.command_timeout = command_timeout;
        self
    }

    /// Accepts a server that throws keys away when its memory is full, or that does not tell
    /// whether it does.
    ///
    /// # Security
    /// What was thrown away is lost. That of revocations is noticed: a new memory begins, and
    /// everything that was issued before is refused. With a `volatile-*` policy they are never
    /// thrown away, because they have no time to live; sessions, one-time tokens and API keys are.
    /// Whoever can fill the server's memory can log everybody out.
    pub fn danger_allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    /// Connects. Returns when the server has answered and the copy of the revocations is complete.
    /// On the very first start of a namespace that takes up to a second, since tokens of the
    /// second in which a memory begins are not trusted.
    ///
    /// # Errors
    /// - [`RedisConnectError::Config`] for a setting that cannot work, for a server that evicts or
    ///   does not tell whether it does, for a cluster of several masters, and for a namespace that
    ///   an older version of fauth has used;
    /// - [`RedisConnectError::Store`], with the server and what it said, if the server cannot be
    ///   reached.
    pub async fn connect(self) -> Result<RedisStore, RedisConnectError> {
        let client = self.validate()?;
        let (server, place) = (server_of(&client), place(&client, &self.namespace));
        self.connect_to(client, place).await.map_err(|error| error.of(server))
    }

    async fn connect_to(self, client: Client, place: StoreLocation) -> Result<RedisStore, RedisConnectError> {
        let link = server::open(client, self.command_timeout, self.allow_eviction).await?;
        let names = Names::new(&self.namespace);
        server::refuse_old_layout(&link, &names).await?;
        let hub = Hub { link, names: Arc::new(names), clock: self.clock };
        let since = hub.begin().await?;
        hub.wait_for(since).await?;
        let mirror =
            if self.mirror { Some(Mirror::start(hub.clone(), self.max_staleness).await?) } else { None };
        Ok(RedisStore::new(hub, mirror, self.when_stale, place))
    }

    fn validate(&self) -> Result<Client, ConfigError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(1..=64).contains(&self.namespace.len()) || !self.namespace.bytes().all(is_allowed) {
            let problem = "is empty, over 64 bytes, or has a character that is not allowed";
            return Err(ConfigError::new("namespace", problem, "use letters, digits, `_`, `-` and `.`"));
        }
        if !(Duration::from_millis(200)..=Duration::from_secs(3600)).contains(&self.max_staleness) {
            return Err(ConfigError::new("max_staleness", "is out of range", "use 200 ms to one hour"));
        }
        self.address.client(self.command_timeout)
    }
}
