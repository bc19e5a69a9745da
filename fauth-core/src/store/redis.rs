//! Stores in Redis or Valkey, for services with more than one instance.
//!
//! `names` documents the keys, `scripts` holds the Lua scripts that operate on them, and `mirror`
//! is the local copy of the revocations that lets an instance check tokens without a round trip.

mod address;
#[cfg(feature = "mandates")]
mod anchor_builder;
#[cfg(feature = "mandates")]
mod anchor_names;
#[cfg(feature = "mandates")]
mod anchor_news;
#[cfg(feature = "mandates")]
mod anchors;
mod api_keys;
#[cfg(feature = "caracal-audit")]
mod audit;
mod builder;
mod deadline;
mod eviction;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hub;
mod limits;
mod link;
mod mirror;
mod names;
mod one_times;
mod reply;
mod revocations;
mod scripts;
mod server;
mod sessions;
mod step;
mod store;
#[cfg(feature = "mandates")]
mod streams;
mod throttles;
mod verdict;

#[cfg(feature = "mandates")]
pub use anchor_builder::RedisAnchorStoreBuilder;
#[cfg(feature = "mandates")]
pub use anchors::RedisAnchorStore;
#[cfg(feature = "caracal-audit")]
pub(crate) use audit::{AuditEntry, AuditLink};
pub use builder::RedisStoreBuilder;
pub use fault::RedisConnectError;
pub use store::{RedisStore, WhenStale};
#[cfg(feature = "mandates")]
pub use streams::{StreamConsumer, StreamConsumerBuilder, StreamConsumerHandle};
