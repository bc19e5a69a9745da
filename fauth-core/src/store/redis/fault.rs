//! Errors of the Redis stores: [`Fault`] internally, [`RedisConnectError`] when connecting.
//!
//! A fault never means that a token or an API key is invalid: as a [`StoreError`] it refuses the
//! request with 503.

use redis::RedisError;

use crate::{clock::ClockError, error::ConfigError, store::StoreError};

/// Why a Redis operation failed. It becomes the source of a [`StoreError`], and is logged.
///
/// # Security
/// No message contains the URL, which may hold the server's password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// An error reported by the client library or the server.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// The server did not answer within this time.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The script found its deadline past and did nothing, although its caller was still waiting: a
    /// clock has jumped, or another server answered. See `deadline`.
    #[error("a step ran after its deadline, or the clock of the server has jumped; nothing was changed")]
    Late,
    /// An answer that none of our scripts gives.
    #[error("unexpected answer to a script of fauth: {0}")]
    Malformed(&'static str),
    /// The server evicts keys when its memory is full. See `eviction`.
    #[error(
        "its maxmemory-policy `{}` can evict revocations: set it to `noeviction`",
        .0.escape_default()
    )]
    Evicts(String),
    /// The server does not report its eviction policy.
    #[error(
        "does not report its maxmemory-policy: allow `CONFIG GET` or `INFO`, so that the store \
         can verify that it is `noeviction`"
    )]
    MayEvict,
    /// Redis had lost revocations, and lost the new revocation memory immediately.
    #[error(
        "loses revocations as soon as they are stored: set its `maxmemory-policy` to `noeviction`, give it \
         more memory, and make sure that nothing else deletes keys of fauth"
    )]
    KeepsForgetting,
    /// The mirror is too old to decide, and the store is set to refuse then instead of asking
    /// Redis.
    #[error("the mirror of revocations is older than `max_staleness`")]
    Stale,
    /// A new revocation memory begins in the next second. Tokens issued before it are never
    /// trusted, because their revocation may have been lost. Until then the store returns no epoch
    /// for new tokens, and no verdict on older ones.
    #[error(
        "its revocation memory begins in the future of this provider's clock, so a token issued now would \
         not be trusted: if this lasts longer than a second, give `RedisStoreBuilder::clock` and \
         `AuthProviderBuilder::clock` the same clock"
    )]
    TooEarly,
    /// A session, one-time token or API key with this id already exists.
    #[error("{0} exists already")]
    Known(&'static str),
    /// The id of an API key names another bucket than its owner's, so the key could not be found.
    #[error("the id of an API key is not of its owner's bucket")]
    WrongBucket,
    /// The API keys of an owner changed during every attempt to list them.
    #[error("the API keys of an owner change faster than they can be listed")]
    KeepsChanging,
    /// The next epoch would reach 2^53, above which numbers in Lua are not exact.
    #[error("the epoch cannot be raised any further")]
    LastEpoch,
    /// The delegation epoch of a zone is not a number. An outdated mandate could be accepted, so
    /// the check fails.
    #[cfg(feature = "mandates")]
    #[error(
        "the delegation epoch in the key `{}` is not a number: raise the epoch of the zone, or delete the key",
        .0.escape_default()
    )]
    NoEpoch(String),
    /// The connection that a task was listening on was lost.
    #[cfg(feature = "mandates")]
    #[error("the connection was lost")]
    Disconnected,
    /// An anchor whose key would be the delegation epoch of a zone; revoking it would set that
    /// epoch to 1.
    #[cfg(feature = "mandates")]
    #[error("an anchor must not begin with `delegation-epoch:`: its key would be the epoch of a zone")]
    ReservedAnchor,
    /// The scopes of an API key are not valid JSON.
    #[error("scopes: {0}")]
    Scopes(#[from] serde_json::Error),
    /// This process's clock could not be read.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The operating system returned no random bytes for the id of a new revocation memory.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault).of("redis")
    }
}

/// Why a store in Redis could not connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// A setting of the store or of the server is invalid; the error names it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot be reached, or its answer was an error or malformed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RedisConnectError {
    /// Adds the server's address to a store error. A configuration error names its setting already.
    pub(super) fn of(self, server: String) -> Self {
        match self {
            Self::Store(error) => Self::Store(error.of(server)),
            Self::Config(_) => self,
        }
    }
}

impl From<Fault> for RedisConnectError {
    fn from(fault: Fault) -> Self {
        Self::Store(StoreError::new(fault))
    }
}
