//! Everything in Redis or Valkey: for services of more than one instance.
//!
//! `names` says which keys there are and why, `scripts` what is done to them, and `mirror` how an
//! instance knows the revocations without asking.

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
