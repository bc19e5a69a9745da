//! The storage backends: the exported store suite on each of them, and what only one of them can do.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "stores/memory.rs"]
mod memory;
#[path = "stores/session_model.rs"]
mod session_model;
#[path = "stores/store_suite.rs"]
mod store_suite;
