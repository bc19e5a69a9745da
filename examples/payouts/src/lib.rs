#![doc = include_str!("../README.md")]

mod feed;
pub mod issuer;
mod revocations;
pub mod service;
pub mod start;

pub use feed::Feed;

/// The audience of mandates for this service: its name at the issuer.
pub const AUDIENCE: &str = "resource://billing-api";
