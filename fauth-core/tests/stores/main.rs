//! The storage backends: the exported store suite on each of them, and what only one of them can
//! do.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod applications;
mod limits;
mod memory;
mod old_tokens;
mod session_model;
mod store_suite;
