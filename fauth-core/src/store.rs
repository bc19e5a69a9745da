//! Server-side storage: the storage traits and their built-in backends.
//!
//! | trait | stores | used |
//! |---|---|---|
//! | [`SessionStore`] | sessions, so that they can be listed and ended | at login, refresh and logout |
//! | [`RevocationStore`] | revoked tokens, sessions and subjects, and raised epochs | at every guarded request |
//! | [`OneTimeStore`] | one-time tokens | when a token is issued or redeemed |
//! | [`ApiKeyStore`] | hashes of API keys | at every request with an API key |
//! | [`ThrottleStore`] | failed logins | at every login by password |
//! | [`LimitStore`] | rate-limit counters | at every request behind a limit |
//!
//! A backend that implements the first four traits is a [`Store`]. Backends can also be mixed:
//! sessions in PostgreSQL, for example, and revocations in Redis.
//!
//! The traits are object-safe, and a store behind an `Arc` is a store. An application can therefore
//! choose its store at run time: `Arc<dyn Store>` and `Arc<dyn SessionStore>` are accepted wherever
//! a store is.
//!
//! Every entry has an [`Owner`]: one subject of one application. Each method that touches a
//! subject's entries takes the owner, so that a backend can place, partition and bound entries by
//! owner.
//!
//! # Writing a backend
//! Implement the traits with [`async_trait`](macro@crate::async_trait), and run the store test
//! suite that the crate `fauth-testing` exports. The traits state which steps must be atomic;
//! security depends on it. The rules themselves are functions of this module, and every backend
//! calls them: [`RotationDecision::of`], [`Prolonging::of`], [`Verdict::of`], [`raised_epoch`],
//! [`RevocationTarget::key`].
//!
//! The caller passes the current time to every method. A store never consults a clock of its own to
//! decide whether something has expired, so it never disagrees with its caller. It may delete
//! expired entries at any time, but in bounded steps, and never with a full scan while a request
//! waits.
//!
//! Implement `location` in each trait, so that the provider knows where the data is stored. See
//! [`StoreLocation`].
//!
//! # Errors
//! A store that cannot answer returns a [`StoreError`], and the request is refused with 503. A
//! store never guesses, and never returns "not found" for "not reachable".

#[cfg(feature = "mandates")]
mod anchors;
mod api_keys;
mod changes;
mod combined;
mod error;
mod hash_keys;
pub(crate) mod limits;
mod location;
pub(crate) mod memory;
mod one_times;
mod owner;
mod prolonging;
#[cfg(feature = "redis")]
mod redis;
pub(crate) mod revocations;
mod rotation;
mod secret_hash;
mod sessions;
mod shared;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "mandates")]
mod stream_signature;
mod throttles;

#[cfg(feature = "mandates")]
pub use anchors::{AnchorState, AnchorStore, DEFAULT_ANCHOR_LIFETIME, anchor_lifetime, check_anchor};
pub use api_keys::{ApiKey, ApiKeyId, ApiKeyStore, StoredApiKey};
pub use changes::{Change, ChangeSender, Changes};
pub use combined::Store;
pub use error::StoreError;
pub(crate) use hash_keys::{HashKey, HashKeys};
pub use limits::{CounterKey, LimitState, LimitStore, LimitWindow, MAX_LIMIT_SPAN, MAX_LIMIT_WINDOWS, Taken};
pub use location::StoreLocation;
#[cfg(feature = "mandates")]
pub use memory::{MemoryAnchorStore, MemoryAnchorStoreBuilder};
pub use memory::{MemoryLimits, MemorySizes, MemoryStoreBuilder, MemoryThrottles};
pub use one_times::{OneTimeRecord, OneTimeStore};
pub use owner::{OWNER_BUCKETS, Owner};
pub use prolonging::Prolonging;
#[cfg(all(feature = "redis", any(test, fuzzing)))]
pub(crate) use redis::fuzzing as redis_fuzzing;
#[cfg(feature = "caracal-audit")]
pub(crate) use redis::{AuditEntry, AuditLink};
#[cfg(all(feature = "redis", feature = "mandates"))]
pub use redis::{
    RedisAnchorStore, RedisAnchorStoreBuilder, StreamConsumer, StreamConsumerBuilder, StreamConsumerHandle,
};
#[cfg(feature = "redis")]
pub use redis::{RedisConnectError, RedisStore, RedisStoreBuilder, WhenStale};
pub use revocations::{Known, RevocationStore, RevocationTarget, TokenFacts, Verdict, raised_epoch};
pub use rotation::{LastRotation, RefreshFamily, RotationDecision};
pub use secret_hash::SecretHash;
pub use sessions::{
    ClientFingerprint, EndedSession, LoadedSession, NewSession, Nonce, PayloadChange, PayloadOutcome,
    Rotation, RotationOutcome, Session, SessionStore,
};
#[cfg(feature = "postgres")]
pub use sql::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sql::SqliteStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::{SqlDialect, SqlStore};

#[cfg(feature = "mandates")]
pub use stream_signature::{AmbiguousEntry, StreamKey};
pub use throttles::{MAX_THROTTLE_RECORD_BYTES, ThrottleKey, ThrottleKind, ThrottleRecord, ThrottleStore};

pub use crate::token::ids::SessionId;
