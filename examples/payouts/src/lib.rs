#![doc = include_str!("../README.md")]

mod feed;
pub mod issuer;
mod revocations;
pub mod service;
pub mod start;

pub use feed::Feed;

/// What mandates for this service are issued for: how the issuer calls it.
pub const AUDIENCE: &str = "resource://billing-api";
