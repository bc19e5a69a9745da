//! Consumers of a Caracal deployment's Redis streams: revocations and invalidated delegations. A
//! consumer reads one stream and updates an anchor store.
//!
//! `entry` interprets an entry, and is pure; `wire` sends the stream commands and reads their
//! answers; `consumer` does everything in order; `report` writes the log records; `health` holds
//! what the handle reports.

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
