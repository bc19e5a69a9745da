//! The store suite on each backend: `store_suite::memory::…` and so on, each in a file of its own.

#[path = "store_suite/memory.rs"]
mod memory;
