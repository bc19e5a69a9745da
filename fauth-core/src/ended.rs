//! When the authority of a grant ends, for what stays open: a WebSocket, a server-sent stream, a
//! job.
//!
//! A guard decides about a request once. What stays open after that outlives its decision: the
//! token expires, somebody logs out, an account is disabled, and the socket goes on.
//! [`Granted::ended`](crate::Granted::ended) is a future that completes then:
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
//! A stream is cut by [`Ended::take_until`]. The adapters have a helper that closes a WebSocket,
//! `until_ended`.
//!
//! # What ends it, and how soon
//! | what happens | found | reason |
//! |---|---|---|
//! | the token expires, with the leeway of requests | within a second | [`Expired`] |
//! | this provider revokes, logs out, forgets | at once, with any store | [`Revoked`] |
//! | another instance revokes, and the store [tells] | when it has arrived | [`Revoked`] |
//! | another instance revokes, and the store does not tell | at the [poll], 5 s | [`Revoked`] |
//! | somebody else writes an anchor into Redis | within 5 seconds | [`Revoked`] |
//! | a browser session ends, no revocation store | here at once, else at [look] | [`SessionEnded`] |
//! | an API key is removed | as the session | [`Revoked`] |
//! | the user is gone | at the [look], 60 seconds | [`UserGone`] |
//! | the user is not active | at the [look], 60 seconds | [`UserInactive`] |
//! | the user has a new [`token_epoch`] | at the [look], 60 seconds | [`Revoked`] |
//! | nobody can tell for too long | after the interval and [60 seconds] | [`Unknown`] |
//! | the revocation store has lost its memory | at once | [`Unknown`] |
//! | an [`AuthSwitch`] is given another provider | at once | [`ProviderGone`] |
//! | the last provider and grant are dropped | at once | [`ProviderGone`] |
//!
//! `MemoryStore`, `RedisStore` with its mirror and the stores of anchors tell; SQL, and Redis
//! without the mirror, do not. Of an anchor that somebody else has written, Redis tells at once
//! where `notify-keyspace-events` has `K$`.
//!
//! [`Expired`]: EndReason::Expired
//! [`Revoked`]: EndReason::Revoked
//! [`SessionEnded`]: EndReason::SessionEnded
//! [`UserGone`]: EndReason::UserGone
//! [`UserInactive`]: EndReason::UserInactive
//! [`Unknown`]: EndReason::Unknown
//! [`ProviderGone`]: EndReason::ProviderGone
//! [tells]: crate::store::RevocationStore::changes
//! [poll]: crate::AuthProviderBuilder::ended_poll_every
//! [look]: crate::AuthProviderBuilder::ended_recheck_every
//! [60 seconds]: crate::AuthProviderBuilder::ended_unknown_after
//! [`token_epoch`]: crate::AuthUser::token_epoch
//! [`AuthSwitch`]: crate::AuthSwitch
//!
//! What an application changes itself is made known at once by a method that says so: after an
//! account was disabled, `auth.logout_all(subject, …)` ends its sockets everywhere.
//!
//! Only whether the authority is still there is looked at. Whether the user still has the role
//! that the route asked for is not: ask again before an act that matters.
//!
//! # What it costs
//! One task for each provider, which begins with the first [`Ended`] and ends with the last. Ten
//! thousand sockets are about 700 bytes each beside the payload of the token, an alarm a second for
//! the clock and ten for turns, one question to the revocation store for 500 of them, and one call
//! of the loader for each user and interval, spread evenly and eight at a time
//! (`examples/internal/open-sockets` measures it). A change that
//! a store tells is a question about those whom it concerns, and the answer decides: no change
//! that is told in error ends anybody. Where nobody calls `ended`, nothing runs.
//!
//! A store of anchors is asked about each mandate by itself, and about 32 at the same time: where a
//! question takes a millisecond, ten thousand take half a second, and where it takes five, two.
//! Those about which something has changed are asked about beside the others, 32 as well: they do
//! not wait for a question about everybody. A change that concerns everybody, as an epoch that
//! rises, ends them as they are found, 64 after 64. A store that is slow and answers ends nobody;
//! what it takes it adds to the times above.
//!
//! An API key, and a browser session where there is no revocation store, is a question by itself,
//! one for all its sockets: when it is opened, changed, and at each look. The store of keys and
//! that of sessions are asked eight of them at a time each, beside all others, and about what has
//! changed before what has not.
//!
//! What is kept belongs to an [`Ended`] and goes with it, so that it is bounded by the sockets that
//! a server lets somebody open: limit these, by [`limit`](crate::limit) or at the proxy.
//!
//! # Security
//! - Where there is no revocation store, a socket of an access token stays open after its session
//!   has ended, until the token expires: as requests with the token are let in.
//! - The task runs where the first [`Ended`] was polled. Where each worker of a server is a thread
//!   with a runtime of its own, a handler that blocks this one stops the ending at all workers, for
//!   as long as it blocks: give what blocks to a pool of threads.
//! - A callback of the application that panics in the task, as a clock of its own may, ends
//!   everything, as `Unknown`.
//! - Call `ended` before anything else is awaited, and end the connection whatever the reason is.
//! - A loader that keeps users in a cache is asked as for requests: who is in the cache is found
//!   when the cache says so.
//! - A browser session ends with the token of the request that has opened the socket, also while
//!   other requests carry the session on; the page connects again, with its new cookie.

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
