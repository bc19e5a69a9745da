//! Rate limits: how many requests in how long, and whose requests are counted together.
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
//! A [`Limit`] is put in front of routes by `limit` of an adapter, in front of a group by its
//! method `limit`, and in front of a ready-made endpoint by that of `AuthRoutes`. What is counted
//! where says [`LimitStore`](crate::store::LimitStore).
//!
//! # What is counted
//! Every request that a limit lets through counts, whatever becomes of it: 401, 404, HEAD, OPTIONS.
//! A refused request does not count. It would keep whoever repeats it out for ever, and with
//! several windows it would use up the long one while the short one refuses. So nobody waits
//! longer than `Retry-After` says, unless others who are counted together are faster.
//!
//! Two limits one inside the other are two: what the outer one has let through it has counted, also
//! if the inner one refuses it.
//!
//! # When
//! Limits by address and by a key of the application's own come first: before a token is verified,
//! a body read, a store asked or a password queued. Limits by user and by API key come after the
//! guard has let the request in.
//!
//! # What the client is told
//! 429 `too_many_requests` with `Retry-After`; and, on every answer, the fields `RateLimit-Policy`
//! and `RateLimit` of
//! [draft-ietf-httpapi-ratelimit-headers-10](https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10):
//!
//!
//! ```text
//! RateLimit-Policy: "5/minute";q=5;w=60, "100/hour";q=100;w=3600
//! RateLimit: "5/minute";r=4;t=12, "100/hour";r=99;t=36
//! ```
//!
//! `r` is how many more requests pass at once, and `t` in how many seconds there is one more.

mod fields;
mod key;
mod parse;
mod policy;

pub(crate) use fields::{policy_field, seconds, state_field};
pub(crate) use key::CountedBy;
pub use key::LimitKey;
pub use policy::{IntoLimit, Limit};
