//! Tokens through the public API: what the strict verifier refuses and why, what is minted, and the data of other projects.

#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "the oracle decodes")]

#[path = "token/differential.rs"]
mod differential;
#[path = "token/golden.rs"]
mod golden;
#[path = "token/peers.rs"]
mod peers;
#[path = "token/round_trip.rs"]
mod round_trip;
#[path = "token/support.rs"]
mod support;
#[path = "token/vectors.rs"]
mod vectors;
#[path = "token/verifier.rs"]
mod verifier;
