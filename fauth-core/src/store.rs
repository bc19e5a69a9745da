//! What fauth keeps on the server, and where: the storage traits and their backends.
//!
//! | trait | keeps | asked |
//! |---|---|---|
//! | [`SessionStore`] | logins, so that they can be listed and ended | at login, refresh, logout |
//! | [`RevocationStore`] | what was taken back before it expired | at every guarded request |
//! | [`OneTimeStore`] | tokens that work once | when one is issued or redeemed |
//! | [`ApiKeyStore`] | hashes of API keys | at every request with an API key |
//! | [`ThrottleStore`] | failed logins | at every login by password |
//! | [`LimitStore`] | counters of rate limits | at every request behind a limit |
//!
//! A backend that implements the first four is a [`Store`]. They can also be mixed: sessions in
//! PostgreSQL, revocations in Redis.
//!
//! The traits are object-safe, and a store behind an `Arc` is a store, so an application can
//! choose at run time: `Arc<dyn Store>` and `Arc<dyn SessionStore>` are accepted wherever a store
//! is.
//!
//! Everything kept has an [`Owner`]: one subject of one application. Every method that touches
//! what belongs to a subject names its owner, so that a backend can place, partition and bound it
//! by owner.
//!
//! # Writing a backend
//! Implement the traits with [`async_trait`](macro@crate::async_trait), and run the exported store
//! suite of the crate `fauth-testing` on them. The traits say what must be atomic: security rests
//! on that. The rules that decide are functions here: [`RotationDecision::of`], [`Prolonging::of`],
//! [`Verdict::of`], [`raised_epoch`], [`RevocationTarget::key`].
//!
//! Every method gets the present from its caller: a store asks no clock whether something has
//! expired, so that it never disagrees with its caller. It may forget what is past its time
//! whenever it likes, in bounded steps, never by a full scan while a request waits.
//!
//! Say where it keeps things: `location`, in each trait. See [`StoreLocation`].
//!
//! # Errors
//! A store that cannot answer says so with a [`StoreError`]. The request is then refused with 503. It never guesses, and it never answers "not
//! found" for "not reachable".

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
