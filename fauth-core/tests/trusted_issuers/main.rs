//! Access tokens of other issuers: which are accepted, whose they are, and what they do not open.
//!
//! What can be seen over HTTP alone is in the conformance suite.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod beside_own_tokens;
mod building;
mod keys;
mod people;
mod revoking;
mod support;
mod tenants;
mod verifying;
