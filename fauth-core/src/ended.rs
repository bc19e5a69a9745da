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

mod asker;
mod entry;
mod hub;
mod intervals;
mod keeper;
mod reason;
mod table;
mod until;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pub(crate) use asker::{Asker, Findings};
use entry::Entry;
pub(crate) use entry::Id;
use futures_core::Stream;
use hub::Hub;
pub(crate) use hub::Open;
pub(crate) use intervals::Intervals;
pub use reason::EndReason;
pub(crate) use table::{Facts, Finding, Person, Watched};
pub use until::UntilEnded;

/// Completes when the authority of a grant ends, with the reason; made by
/// [`Granted::ended`](crate::Granted::ended).
///
/// It may be dropped, polled again after it has completed, and cloned: each clone completes. It has
/// to be polled within a Tokio runtime; elsewhere nobody can look, and it completes with
/// [`EndReason::Unknown`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Ended {
    entry: Arc<Entry>,
    /// Where it is kept; `None` if it was over from the beginning.
    hub: Option<Arc<Hub>>,
    /// Who waits, if it has waited.
    number: Option<u32>,
}

impl Ended {
    /// What is over already.
    pub(crate) fn over(reason: EndReason) -> Self {
        Self { entry: Arc::new(Entry::over(reason)), hub: None, number: None }
    }

    /// What is kept in a hub, as long as this holds it.
    fn kept(hub: &Arc<Hub>, entry: Arc<Entry>) -> Self {
        entry.hold();
        Self { entry, hub: Some(Arc::clone(hub)), number: None }
    }

    /// Why it is over, if it is, as far as is known now.
    #[must_use]
    pub fn is_ended(&self) -> Option<EndReason> {
        self.entry.reason()
    }

    /// A stream that ends with the authority, even one that is always ready: a server-sent stream,
    /// for example.
    pub fn take_until<S: Stream>(self, stream: S) -> UntilEnded<S> {
        UntilEnded::new(self, stream)
    }
}

impl Future for Ended {
    type Output = EndReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<EndReason> {
        let Self { entry, hub, number } = &mut *self;
        let polled = entry.poll(number, context.waker());
        if polled.is_pending()
            && let Some(hub) = hub
            && !hub.see_to_it()
        {
            tracing::error!(
                target: "fauth",
                event = "ended_outside_of_runtime",
                "`Granted::ended` was polled outside of a Tokio runtime, where nobody can look whether it has ended"
            );
            return Poll::Ready(EndReason::Unknown);
        }
        polled
    }
}

impl Clone for Ended {
    fn clone(&self) -> Self {
        let (entry, hub) = (Arc::clone(&self.entry), self.hub.clone());
        entry.hold();
        Self { entry, hub, number: None }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.entry.leave(number);
        }
        if let Some(hub) = &self.hub
            && self.entry.let_go()
        {
            hub.release(&self.entry);
        }
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("reason", &self.is_ended()).finish_non_exhaustive()
    }
}
