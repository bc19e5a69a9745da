//! How a store of anchors is set up, and what can be wrong with it.

use std::{fmt, time::Duration};

use redis::Client;

use super::{
    address::{Address, place, server_of},
    anchor_names::AnchorNames,
    anchors::RedisAnchorStore,
    fault::{Fault, RedisConnectError},
    link::Link,
    server,
};
use crate::{error::ConfigError, store::StoreLocation};

/// What the names of the keys begin with in a Caracal deployment.
pub(super) const PREFIX: &str = "caracal:revoked:sessions:";

impl RedisAnchorStore {
    /// Connects a store with default settings.
    ///
    /// # Errors
    /// [`RedisConnectError`], as documented at [`RedisAnchorStoreBuilder::connect`].
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// Returns a builder for a store at this URL:
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://…` for TLS (feature `tls`).
    pub fn builder(url: impl AsRef<str>) -> RedisAnchorStoreBuilder {
        RedisAnchorStoreBuilder::new(url.as_ref())
    }
}

/// Settings of a [`RedisAnchorStore`].
#[must_use]
pub struct RedisAnchorStoreBuilder {
    address: Address,
    prefix: String,
    command_timeout: Duration,
    allow_eviction: bool,
}

impl fmt::Debug for RedisAnchorStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAnchorStoreBuilder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisAnchorStoreBuilder {
    fn new(url: &str) -> Self {
        Self {
            address: Address::new(url),
            prefix: PREFIX.to_owned(),
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

    /// Sets the prefix of all keys: 1 to 128 characters of `a-z A-Z 0-9 _ - . :`. The default is
    /// `caracal:revoked:sessions:`. It must be the prefix of the deployment.
    ///
    /// With another prefix, each stream consumer must name its [consumer
    /// group](crate::store::StreamConsumerBuilder::group). That group must not be shared with
    /// services whose stores have another prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a call waits for an answer, reconnecting included; 10 ms to one minute, by
    /// default 2 s. The first connection may take up to twice as long.
    pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
        self.command_timeout = command_timeout;
        self
    }

    /// Accepts a server that evicts keys when its memory is full, or that does not report its
    /// eviction policy.
    ///
    /// # Security
    /// Every revocation has a time to live, so a `volatile-*` policy evicts revocations too. A
    /// revoked mandate is then accepted, and nothing here detects that. Anyone who can fill the
    /// server's memory can undo revocations.
    pub fn danger_allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    /// Connects, and returns when the server has answered.
    ///
    /// # Errors
    /// - [`RedisConnectError::Config`] for an invalid setting, for a server that evicts keys or
    ///   does not report whether it does, for a Redis user without permission to publish, and for a
    ///   cluster with more than one master;
    /// - [`RedisConnectError::Store`], with the server's address and its error, if the server
    ///   cannot be reached.
    pub async fn connect(self) -> Result<RedisAnchorStore, RedisConnectError> {
        let client = self.validate()?;
        let (server, place) = (server_of(&client), place(&client, &self.prefix));
        self.connect_to(client, place).await.map_err(|error| error.of(server))
    }

    async fn connect_to(
        self,
        client: Client,
        place: StoreLocation,
    ) -> Result<RedisAnchorStore, RedisConnectError> {
        let link = server::open(client, self.command_timeout, self.allow_eviction).await?;
        let names = AnchorNames::new(&self.prefix);
        may_publish(&link, &names.channel).await?;
        Ok(RedisAnchorStore::new(link, names, place))
    }

    fn validate(&self) -> Result<Client, ConfigError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if !(1..=128).contains(&self.prefix.len()) || !self.prefix.bytes().all(is_allowed) {
            let problem = "is empty, over 128 bytes, or has a character that is not allowed";
            return Err(ConfigError::new("prefix", problem, "use letters, digits, `_`, `-`, `.` and `:`"));
        }
        self.address.client(self.command_timeout)
    }
}

/// Fails for a Redis user that may not publish changes to the other instances. Revocations would
/// still be stored, but open connections would end later than they should.
async fn may_publish(link: &Link, channel: &str) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("PUBLISH");
    // No anchor has an empty name, so this message makes no instance look anything up.
    command.arg(channel).arg("");
    match link.command(&command).await {
        Ok(_) => Ok(()),
        Err(Fault::Redis(error)) if error.code() == Some("NOPERM") => {
            let problem = "is for a Redis user that may not publish on the channel for revocations";
            let fix = format!("give this user of Redis `+publish +subscribe &{channel}`");
            Err(ConfigError::new("url", problem, fix).into())
        }
        Err(fault) => Err(fault.into()),
    }
}
