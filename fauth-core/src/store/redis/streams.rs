//! What a Caracal deployment tells by streams: revocations, and invalid delegations. A consumer
//! reads one of them and tells a store of anchors.
//!
//! `entry` says what an entry asks for, and is pure; `wire` is what is said to Redis about entries;
//! `consumer` is the order in which that happens, and `report` what it says of it in the log;
//! `health` is what its handle tells.

mod builder;
mod consumer;
mod dead_letter;
mod entry;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod handle;
mod health;
mod report;
mod retries;
mod stop;
mod wire;

pub use builder::StreamConsumerBuilder;
pub use consumer::StreamConsumer;
pub use handle::StreamConsumerHandle;
