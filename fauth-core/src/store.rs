//! What fauth keeps on the server, and where: the storage traits and their backends.
//!
//! | trait | keeps | asked |
//! |---|---|---|
//! | [`SessionStore`] | logins, so that they can be listed and ended | at login, refresh, logout |
//! | [`RevocationStore`] | what was taken back before it expired | at every guarded request |
//! | [`OneTimeStore`] | tokens that work once | when one is issued or redeemed |
//! | [`ApiKeyStore`] | hashes of API keys | at every request with an API key |
//!
//! A backend that implements all four is a [`Store`]. They can also be mixed: sessions in PostgreSQL, revocations in Redis.
//!
//! # Writing a backend
//! Implement the traits, and run the store suite of the crate `fauth-testing` on them. What the traits say
//! about atomicity is what security rests on. Every method gets the present from its caller: a store asks no clock whether something has expired, so that it never disagrees
//! with who asks. It may forget what is past its time whenever it likes, and does so in bounded steps, never by a full scan while a request waits.
//!
//! # Errors
//! A store that cannot answer says so with a [`StoreError`]. The request is then refused with 503. It never guesses, and it never answers "not
//! found" for "not reachable".

mod api_keys;
mod erased;
mod memory;
mod one_times;
#[cfg(feature = "redis")]
mod redis;
mod revocations;
mod sessions;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;

use std::fmt;

pub use api_keys::{ApiKey, ApiKeyId, ApiKeyStore, StoredApiKey};
pub(crate) use erased::{Ask, KeepApiKeys, KeepOneTimes, KeepRevocations, KeepSessions};
pub use memory::{MemorySizes, MemoryStore, MemoryStoreBuilder};
pub use one_times::{OneTimeRecord, OneTimeStore};
#[cfg(feature = "redis")]
pub use redis::{RedisConnectError, RedisStore, RedisStoreBuilder, WhenStale};
pub use revocations::{RevocationStore, RevocationTarget, TokenFacts, Verdict};
pub use sessions::{NewSession, Nonce, Rotation, RotationOutcome, Session, SessionStore};
#[cfg(feature = "postgres")]
pub use sql::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sql::SqliteStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::{SqlDialect, SqlStore};

pub use crate::token::SessionId;

use crate::error::BoxError;

/// Everything in one place.
pub trait Store: SessionStore + RevocationStore + OneTimeStore + ApiKeyStore {}

impl<S: SessionStore + RevocationStore + OneTimeStore + ApiKeyStore> Store for S {}

/// A store that could not answer. The request is refused with 503, never with 401, 403 or a pass.
#[derive(thiserror::Error)]
#[error("a store failed")]
pub struct StoreError(#[source] BoxError);

impl StoreError {
    /// Wraps what went wrong. It goes to the log, with its sources, and nowhere else: leave secrets out of it.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError").field(&self.0).finish()
    }
}

/// SHA-256 of a secret: what a store keeps in its place.
///
/// Only for secrets of at least 128 random bits, which nobody can guess; passwords are hashed by [`password`](crate::password).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// As a backend has stored it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(secret: &[u8]) -> Self {
        use sha2::{Digest as _, Sha256};
        Self(Sha256::digest(secret).into())
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}
