//! Keys of other issuers: fetched, kept fresh, and given up in time.
//!
//! A [`JwksSource`] knows where an issuer publishes its keys. It keeps the last set that it has
//! read, refreshes it in the background, and asks again when a token names a key that the set does
//! not have. This crate knows no HTTP client: a source asks through [`Fetch`], which the crate
//! `fauth-remote` implements over reqwest and rustls.
//!
//! | what | how often, how long |
//! |---|---|
//! | a set is fresh | `max-age` of the answer, from 30 s to 1 h; 5 min if it names none |
//! | it is fetched again | after 70 to 90 % of that time, at random |
//! | a fetch failed | again after 1, 2, 4 … s, at most 60 s, each a little at random |
//! | a token names an unknown key | one fetch for all who wait, not within 30 s of the last |
//! | no fetch succeeds | the old set for 10 more minutes; then [`KeysUnavailable`], answered by 503 |
//! | one fetch | 5 s in all, 256 KiB for each answer, 100 keys, no redirect |
//!
//! # Security
//! A key that the issuer removes from its set stops being trusted at the next successful fetch. If
//! none succeeds, it stops when the set is given up: at most `max-age` (within its bounds) and 10
//! minutes after the last successful fetch began, 70 minutes with the defaults. Lower both with
//! [`JwksSource::fresh_between`] and [`JwksSource::stale_for`].

mod address;
mod cache_control;
mod discovery;
mod fault;
mod fetch;
mod flight;
mod health;
mod held;
mod obtain;
mod pace;
mod settings;
mod shared;
mod source;

pub(crate) use address::{Allowed, check_url, is_plain};
pub use fault::{KeySourceError, KeysUnavailable};
pub use fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
pub use health::KeySourceHealth;
pub(crate) use shared::KeyContext;
pub use source::JwksSource;

#[cfg(all(test, any(feature = "asymmetric", feature = "asymmetric-pure-rust")))]
mod tests;
