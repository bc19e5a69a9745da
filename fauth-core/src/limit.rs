//! Rate limits: how many requests are allowed per span of time, and which requests are counted
//! together.
//!
//! ```
//! use fauth_core::limit::Limit;
//!
//! let by_address = Limit::new("5/minute, 100/hour")?;
//! let by_user = Limit::per_user("1000/15 minutes")?;
//! assert!(Limit::new("0/minute").is_err());
//! # Ok::<(), fauth_core::ConfigError>(())
//! ```
//!
//! Apply a [`Limit`] to routes with an adapter's `limit`, to a group of routes with the group's
//! method `limit`, and to a ready-made endpoint with the method of `AuthRoutes`. Where the counters
//! are kept is described at [`LimitStore`](crate::store::LimitStore).
//!
//! # What is counted
//! Every request that a limit admits counts, whatever its outcome: 401, 404, HEAD, OPTIONS. A
//! refused request does not count. Otherwise a client that keeps retrying would never be admitted
//! again, and with several windows, requests refused by the short one would use up the long one. So
//! no client waits longer than `Retry-After` says, unless other clients with the same key are
//! faster.
//!
//! Nested limits count independently: a request that the outer limit admits counts there, even if
//! the inner one refuses it.
//!
//! # When limits are checked
//! Limits by address and by a custom key are checked first: before a token is verified, a body is
//! read, a store is queried or a password check is queued. Limits by user and by API key are
//! checked after the guard has admitted the request.
//!
//! # What the client receives
//! 429 `too_many_requests` with `Retry-After`; and, on every response, the header fields
//! `RateLimit-Policy` and `RateLimit` of
//! [draft-ietf-httpapi-ratelimit-headers-10](https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10):
//!
//! ```text
//! RateLimit-Policy: "5/minute";q=5;w=60, "100/hour";q=100;w=3600
//! RateLimit: "5/minute";r=4;t=12, "100/hour";r=99;t=36
//! ```
//!
//! `r` is how many more requests pass at once, and `t` is in how many seconds another one becomes
//! available.

mod fields;
mod key;
mod parse;
mod policy;

pub(crate) use fields::{policy_field, seconds, state_field};
pub(crate) use key::CountedBy;
pub use key::LimitKey;
pub use policy::{IntoLimit, Limit};
