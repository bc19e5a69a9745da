//! Errors of the Redis store: [`Fault`] inside it, [`RedisConnectError`] for who connects it.
//!
//! A fault never means that a token or an API key is bad: as a [`StoreError`] it refuses the
//! request with 503.

use redis::RedisError;

use crate::{clock::ClockError, error::ConfigError, store::StoreError};

/// Why an operation on Redis failed. It is logged as the source of a [`StoreError`].
///
/// # Security
/// No message contains the URL, which may hold the server's password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// An error that the client library or the server reported.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// There was no answer within this time.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The script found its deadline past and did nothing, although its caller still waited: a
    /// clock has jumped, or another server answered. See `deadline`.
    #[error("took the step after its deadline, or its clock has jumped; nothing was done")]
    Late,
    /// An answer that does not have the form in which our scripts answer.
    #[error("answered what no script of fauth answers: {0}")]
    Malformed(&'static str),
    /// The server throws keys away when its memory is full. See `eviction`.
    #[error(
        "its maxmemory-policy is `{}`: it throws revocations away; set it to `noeviction`",
        .0.escape_default()
    )]
    Evicts(String),
    /// The server does not say whether it throws keys away.
    #[error(
        "does not tell its maxmemory-policy: allow `CONFIG GET` or `INFO`, so that the store \
         sees that it is `noeviction`"
    )]
    MayEvict,
    /// Redis had lost revocations, and the new memory that was begun was lost at once.
    #[error(
        "loses its memory of revocations as soon as it has one: set its `maxmemory-policy` to \
         `noeviction` and give it more memory, and see that nobody else deletes keys of fauth"
    )]
    KeepsForgetting,
    /// The mirror is too old to decide, and the store is set to refuse then, not to ask Redis.
    #[error("the mirror of the revocations is older than `max_staleness`")]
    Stale,
    /// A new memory of revocations begins in the next second. Tokens issued before it are
    /// never trusted, because their revocation may have been lost. So until then the store gives
    /// no epoch for new tokens, and no verdict on such old ones.
    #[error(
        "its memory begins later than the present of this provider; a token issued now would not be trusted: \
         give `RedisStoreBuilder::clock` and `AuthProviderBuilder::clock` the same clock, if it does not pass in a second"
    )]
    TooEarly,
    /// A session, one-time token or API key that was to be stored exists already.
    #[error("{0} is known already")]
    Known(&'static str),
    /// The id of an API key names another bucket than its owner's, so nobody could find the key.
    #[error("the id of an API key is not of its owner's bucket")]
    WrongBucket,
    /// The API keys of an owner changed during every attempt to list them.
    #[error("the API keys of an owner change faster than they can be listed")]
    KeepsChanging,
    /// The next epoch would reach 2^53, from which on numbers in Lua are not exact.
    #[error("the epoch cannot be raised any further")]
    LastEpoch,
    /// What stands where the delegation epoch of a zone belongs is no number. Mandates that are no
    /// longer good could pass, so nothing is decided.
    #[cfg(feature = "mandates")]
    #[error(
        "the key `{}` holds no number where a delegation epoch belongs: raise the epoch of the zone, or delete the key",
        .0.escape_default()
    )]
    NoEpoch(String),
    /// A connection that was waited on is gone.
    #[cfg(feature = "mandates")]
    #[error("the connection was lost")]
    Disconnected,
    /// An anchor whose key would be that of a zone's delegation epoch, which `1` would lower.
    #[cfg(feature = "mandates")]
    #[error("an anchor must not begin with `delegation-epoch:`: its key would be the epoch of a zone")]
    ReservedAnchor,
    /// The scopes of an API key could not be written or read as JSON.
    #[error("scopes: {0}")]
    Scopes(#[from] serde_json::Error),
    /// The clock of this process could not be read.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The operating system provided no randomness for the id of a new memory.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault).of("redis")
    }
}

/// Why a [`RedisStore`](super::RedisStore) could not be connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// A setting of the store or of the server is unsuitable; the error names it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot be reached, or answered with an error or in an unexpected form.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RedisConnectError {
    /// Says which server it was. A setting is named by itself.
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
