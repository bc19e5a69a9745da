//! Settings of a [`RedisStore`], their validation, and connecting.

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
    /// Connects a store with default settings.
    ///
    /// # Errors
    /// [`RedisConnectError`], as documented at [`RedisStoreBuilder::connect`].
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// Returns a builder for a store at this URL:
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://…` for TLS (feature `tls`).
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

    /// Sets the certificate authority, in PEM, that signed the certificate of a `rediss://` server.
    /// It replaces the default: the authorities that the system trusts, or those that
    /// `SSL_CERT_FILE` names.
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.address.root_certificate(pem.into());
        self
    }

    /// Sets the namespace that every key begins with, after an opening brace: 1 to 64 characters of
    /// `a-z A-Z 0-9 _ - .`. The default is `fauth`. All instances of one application must use the
    /// same namespace; applications with different namespaces share no keys.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the clock that decides when a revocation memory begins and when entries expire. The
    /// default is the [`SystemClock`]. It must be the same clock as the provider's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets whether each instance keeps a local copy of all revocations (a mirror), so that a check
    /// needs no round trip. The default is `true`. A mirror takes about 200 bytes for each entry.
    pub fn mirror(mut self, mirror: bool) -> Self {
        self.mirror = mirror;
        self
    }

    /// Sets the maximum age of the mirror; 200 ms to one hour, by default 5 s. While an instance
    /// cannot reach Redis, it may accept a token that another instance has revoked for at most this
    /// long.
    ///
    /// Two clocks measure the age: a monotonic clock, and the [store's clock](Self::clock), because
    /// a suspended machine stops the monotonic one. If the store's clock is set by more than 2 s
    /// (ahead: by more than `max_staleness` and 2 s), checks fail until Redis has answered again.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Sets what a check does when the mirror is older than [`max_staleness`](Self::max_staleness).
    /// The default is [`WhenStale::Refuse`].
    pub fn when_stale(mut self, when_stale: WhenStale) -> Self {
        self.when_stale = when_stale;
        self
    }

    /// Sets how long a call waits for an answer, reconnecting included; 10 ms to one minute, by
    /// default 2 s. The first connection may take up to twice as long.
    ///
    /// If Redis gets to a login, a refresh, a one-time token or a new API key later than twice this
    /// time, it does not execute it. Keep this below half the grace window of refresh tokens.
    pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
        self.command_timeout = command_timeout;
        self
    }

    /// Accepts a server that evicts keys when its memory is full, or that does not report its
    /// eviction policy.
    ///
    /// # Security
    /// Evicted entries are lost. The store detects evicted revocations: it begins a new revocation
    /// memory, and everything issued before is refused. Under a `volatile-*` policy, revocations
    /// are never evicted, because they have no time to live; sessions, one-time tokens and API keys
    /// can be. Anyone who can fill the server's memory can log all users out.
    pub fn danger_allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    /// Connects, and returns when the server has answered and the mirror is complete.
    ///
    /// The very first start of a namespace takes up to a second, because tokens issued in the
    /// second in which a revocation memory begins are not trusted.
    ///
    /// # Errors
    /// - [`RedisConnectError::Config`] for an invalid setting, for a server that evicts keys or
    ///   does not report whether it does, for a cluster with more than one master, and for a
    ///   namespace that an older version of fauth has used;
    /// - [`RedisConnectError::Store`], with the server's address and its error, if the server
    ///   cannot be reached.
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
