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
    /// A store with every setting as it is by default.
    ///
    /// # Errors
    /// [`RedisConnectError`], as of [`RedisAnchorStoreBuilder::connect`].
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// A store with settings of your own. The URL is
    /// `redis://[user[:password]@]host[:port][/database]`, or with TLS (feature `tls`)
    /// `rediss://…`.
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

    /// The certificate authority, in PEM, that has signed the certificate of a `rediss://` server.
    /// By default those that the system trusts (or that `SSL_CERT_FILE` names); this one takes
    /// their place.
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.address.root_certificate(pem.into());
        self
    }

    /// What the names of the keys begin with: 1 to 128 of `a-z A-Z 0-9 _ - . :`; by default
    /// `caracal:revoked:sessions:`. It has to be that of the deployment. With another one,
    /// consumers need to be told their [group](crate::store::StreamConsumerBuilder::group): it must
    /// not be that of services whose stores have another prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a call waits for an answer, reconnecting included; 10 ms to one minute, by default
    /// 2 s. Connecting for the first time takes twice as long at most.
    pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
        self.command_timeout = command_timeout;
        self
    }

    /// Accepts a server that throws keys away when its memory is full, or that does not tell
    /// whether it does.
    ///
    /// # Security
    /// Every revocation has an end, so that a `volatile-*` policy throws it away too. Then a
    /// revoked mandate passes, and nothing here notices. Whoever can fill the server's memory can
    /// undo revocations.
    pub fn danger_allow_eviction(mut self) -> Self {
        self.allow_eviction = true;
        self
    }

    /// Connects. Returns when the server has answered.
    ///
    /// # Errors
    /// - [`RedisConnectError::Config`] for a setting that cannot work, for a server that evicts or
    ///   does not tell whether it does, for a user that may not publish, and for a cluster of
    ///   several masters;
    /// - [`RedisConnectError::Store`], with the server and what it said, if the server cannot be
    ///   reached.
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

/// Refuses a user that may not tell the other instances of a change. A change would be made all the
/// same, and open connections would end later than they should.
async fn may_publish(link: &Link, channel: &str) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("PUBLISH");
    // Nothing has an empty name, so nobody looks anything up.
    command.arg(channel).arg("");
    match link.command(&command).await {
        Ok(_) => Ok(()),
        Err(Fault::Redis(error)) if error.code() == Some("NOPERM") => {
            let problem = "may not publish to the channel on which instances hear of revocations";
            let fix = format!("give this user of Redis `+publish +subscribe &{channel}`");
            Err(ConfigError::new("url", problem, fix).into())
        }
        Err(fault) => Err(fault.into()),
    }
}
