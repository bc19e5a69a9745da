//! Tokens through the public API: what the strict verifier refuses and why, what is minted, and the
//! data of other projects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "the oracle decodes")]

#[cfg(feature = "asymmetric")]
mod asymmetric;
mod differential;
mod golden;
mod peers;
#[cfg(feature = "asymmetric")]
mod ring;
mod round_trip;
#[cfg(feature = "asymmetric")]
mod signer;
mod support;
mod vectors;
mod verifier;
