//! Everything in Redis or Valkey: for services of more than one instance.
//!
//! `names` says which keys there are and why, `scripts` what is done to them, and `mirror` how an
//! instance knows the revocations without asking.

mod api_keys;
#[cfg(feature = "caracal-audit")]
mod audit;
mod builder;
mod deadline;
mod eviction;
mod fault;
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
mod throttles;
mod verdict;

#[cfg(feature = "caracal-audit")]
pub(crate) use audit::{AuditEntry, AuditLink};
pub use builder::RedisStoreBuilder;
pub use fault::RedisConnectError;
pub use store::{RedisStore, WhenStale};
