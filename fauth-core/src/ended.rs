//! The end of a grant's authority, for connections that stay open: a WebSocket, a server-sent
//! stream, a job.
//!
//! A guard decides about a request once. A connection that stays open outlives that decision: the
//! token expires, the user logs out, an account is disabled, and the socket goes on.
//! [`Granted::ended`](crate::Granted::ended) returns a future that completes at that moment:
//!
//! ```
//! # use fauth_core::{AuthUser, Granted};
//! # async fn next_message() -> Option<String> { None }
//! # async fn example<U: AuthUser>(granted: &Granted<U>) {
//! let mut ended = granted.ended(); // once for each connection
//! loop {
//!     tokio::select! {
//!         reason = &mut ended => {
//!             println!("close with {} {reason}", reason.close_code());
//!             break;
//!         }
//!         message = next_message() => match message {
//!             Some(message) => println!("{message}"),
//!             None => break,
//!         },
//!     }
//! }
//! # }
//! ```
//!
//! [`Ended::take_until`] ends a stream. The adapters have a helper, `until_ended`, that closes a
//! WebSocket.
//!
//! # What ends it, and how soon
//! | event | noticed | reason |
//! |---|---|---|
//! | the token expires, with the leeway of requests | within a second | [`Expired`] |
//! | this provider revokes, logs out, forgets | at once, with any store | [`Revoked`] |
//! | another instance revokes, and the store [reports] it | when the report arrives | [`Revoked`] |
//! | another instance revokes, and the store does not | at the [poll], 5 seconds | [`Revoked`] |
//! | another service writes an anchor into Redis | within 5 seconds | [`Revoked`] |
//! | a browser session ends, no revocation store | at once here, else at [recheck] | [`SessionEnded`] |
//! | an API key is removed | like the session | [`Revoked`] |
//! | the user no longer exists | at the [recheck], 60 seconds | [`UserGone`] |
//! | the user is inactive | at the [recheck], 60 seconds | [`UserInactive`] |
//! | the user has a new [`token_epoch`] | at the [recheck], 60 seconds | [`Revoked`] |
//! | stores, loader or clock fail for too long | after the interval and [60 seconds] | [`Unknown`] |
//! | the revocation store has lost its memory | at once | [`Unknown`] |
//! | an [`AuthSwitch`] is given another provider | at once | [`ProviderGone`] |
//! | the last provider and grant are dropped | at once | [`ProviderGone`] |
//!
//! `MemoryStore`, `RedisStore` with its mirror and the anchor stores report changes; SQL, and Redis
//! without the mirror, do not. Anchors written by other services are reported at once where
//! `notify-keyspace-events` of Redis contains `K$`.
//!
//! [`Expired`]: EndReason::Expired
//! [`Revoked`]: EndReason::Revoked
//! [`SessionEnded`]: EndReason::SessionEnded
//! [`UserGone`]: EndReason::UserGone
//! [`UserInactive`]: EndReason::UserInactive
//! [`Unknown`]: EndReason::Unknown
//! [`ProviderGone`]: EndReason::ProviderGone
//! [reports]: crate::store::RevocationStore::changes
//! [poll]: crate::AuthProviderBuilder::ended_poll_every
//! [recheck]: crate::AuthProviderBuilder::ended_recheck_every
//! [60 seconds]: crate::AuthProviderBuilder::ended_unknown_after
//! [`token_epoch`]: crate::AuthUser::token_epoch
//! [`AuthSwitch`]: crate::AuthSwitch
//!
//! For changes by the application itself, call the method that makes them known at once: after an
//! account was disabled, `auth.logout_all(subject, …)` ends its sockets everywhere.
//!
//! Only the authority itself is watched. Whether the user still has the role that the route
//! required is not checked: [recheck](crate::AuthProvider::recheck) and decide again before an act
//! that matters.
//!
//! # What it costs
//! One task for each provider, which begins with the first [`Ended`] and ends with the last. Ten
//! thousand sockets cost about 700 bytes each in addition to the payload of the token, one timer a
//! second for the clock and ten for rechecks, one call of the revocation store for 500 of them, and
//! one call of the loader for each user and interval, spread evenly and eight at a time
//! (`examples/internal/open-sockets` measures it). A change that a store reports causes a question
//! about the sockets that it may concern, and the answer decides: a change reported in error ends
//! no socket. If `ended` is never called, nothing runs.
//!
//! An anchor store is asked about one mandate at a time, and about 32 concurrently: if a question
//! takes one millisecond, ten thousand take half a second; if it takes five, two seconds. Mandates
//! that were reported as changed are asked about beside the others, 32 concurrently as well, and do
//! not wait for them. A change that concerns all mandates, such as a higher epoch, ends them as
//! they are found, in batches of 64. A slow store that answers ends no socket; its delay adds to
//! the times above.
//!
//! API keys, and browser sessions where there is no revocation store, are asked about one key or
//! session at a time, with one question for all sockets of it: when one is opened, when a change is
//! reported, and at each recheck. Eight such questions run concurrently for each of the
//! two stores, beside all others. Reported changes go first, but take at most every other turn.
//!
//! The entry of a socket belongs to its [`Ended`] and is dropped with it, so memory is bounded by
//! the number of sockets that a server allows: limit these with [`limit`](crate::limit) or at the
//! proxy.
//!
//! # Security
//! - Without a revocation store, a socket of an access token stays open after its session has
//!   ended, until the token expires, just as requests with the token are admitted.
//! - The task runs where the first [`Ended`] was polled. If each worker of a server is a thread
//!   with a runtime of its own, a handler that blocks this one delays the end of sockets at all
//!   workers for as long as it blocks. Move blocking work to a thread pool.
//! - If a callback of the application panics in the task, such as a custom clock, everything ends
//!   with `Unknown`.
//! - Call `ended` before anything else is awaited, and close the connection whatever the reason is.
//! - A loader that caches users is called as for requests: a change is noticed when the cache
//!   returns it.
//! - A browser session ends with the token of the request that has opened the socket, even while
//!   other requests extend the session. The page then connects again, with its new cookie.

mod asker;
mod entry;
mod future;
mod hub;
mod intervals;
mod keeper;
mod reason;
mod singly;
mod table;
mod until;

pub(crate) use asker::{Asker, Findings};
pub(crate) use entry::Id;
pub use future::Ended;
pub(crate) use future::Open;
pub(crate) use intervals::Intervals;
pub use reason::EndReason;
pub(crate) use singly::{Single, SingleStore};
pub(crate) use table::{Facts, Finding, Person, Watched};
pub use until::UntilEnded;
