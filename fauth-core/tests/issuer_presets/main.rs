//! Presets of trusted issuers, by documents that have the form which each issuer publishes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod presets;
mod settings;
mod support;
