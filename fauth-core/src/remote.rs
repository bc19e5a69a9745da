//! Keys of other issuers: fetched, kept fresh, and discarded in time.
//!
//! A [`JwksSource`] knows where an issuer publishes its keys. It keeps the last key set, refreshes
//! it in the background, and fetches again if a token names a key that the set does not have. This
//! crate contains no HTTP client: a source uses [`Fetch`], which the crate `fauth-remote`
//! implements with reqwest and rustls.
//!
//! | what | limits and defaults |
//! |---|---|
//! | freshness of a set | `max-age` of the response, between 30 s and 1 h; 5 min without one |
//! | refresh | after 70 to 90 % of that time, chosen at random |
//! | retry after a failure | after 1, 2, 4 … s, at most 60 s, with random jitter |
//! | unknown key in a token | one shared fetch, not within 30 s of the last |
//! | no successful fetch | the old set is used for 10 more minutes; then [`KeysUnavailable`], answered with 503 |
//! | one fetch | 5 s in all, 256 KiB per response, 100 keys, no redirects |
//!
//! # Security
//! A key that the issuer removes from its set stops being trusted at the next successful fetch. If
//! no fetch succeeds, it stops when the set is discarded: at most `max-age` (within its bounds)
//! plus 10 minutes after the last successful fetch began, 70 minutes with the defaults. Lower both
//! with [`JwksSource::fresh_between`] and [`JwksSource::stale_for`].

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
