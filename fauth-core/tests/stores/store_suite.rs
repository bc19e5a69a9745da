//! The store suite on each backend: `store_suite::memory::…` and so on, each in a file of its own.

#[path = "store_suite/memory.rs"]
mod memory;
#[cfg(feature = "postgres")]
#[path = "store_suite/postgres.rs"]
mod postgres;
#[cfg(feature = "redis")]
#[path = "store_suite/redis.rs"]
mod redis;
#[cfg(feature = "redis")]
#[path = "store_suite/redis_mirrored.rs"]
mod redis_mirrored;
#[cfg(feature = "sqlite")]
#[path = "store_suite/sqlite.rs"]
mod sqlite;
