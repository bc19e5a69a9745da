//! The store suite on each backend: `store_suite::memory::…` and so on, each in a file of its own.

mod memory;
#[cfg(feature = "mandates")]
mod memory_anchors;
mod memory_limits;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(feature = "redis", feature = "mandates"))]
mod redis_anchors;
#[cfg(feature = "redis")]
mod redis_mirrored;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "redis")]
pub(crate) use redis::begun as begun_redis;
