//! Passwords beyond the two schemes: hashes of other systems, schemes of the application's own,
//! peppers, and the policy for new passwords.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

#[cfg(feature = "foreign-hashes")]
mod foreign;
mod own_schemes;
mod peppers;
mod policy;
mod provider;
mod support;
