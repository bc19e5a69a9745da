//! The storage backends: the exported store suite on each of them, and what only one of them can do.

#[path = "stores/store_suite.rs"]
mod store_suite;
