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

mod entry;
mod reason;
mod until;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use entry::Entry;
use futures_core::Stream;
pub use reason::EndReason;
pub use until::UntilEnded;

/// Completes when the authority of a grant ends, with the reason; made by
/// [`Granted::ended`](crate::Granted::ended).
///
/// It may be dropped, polled again after it has completed, and cloned: each clone completes.
#[must_use = "a future does nothing unless it is polled"]
pub struct Ended {
    entry: Arc<Entry>,
    /// Who waits, if it has waited.
    number: Option<u32>,
}

impl Ended {
    /// What is over already.
    pub(crate) fn over(reason: EndReason) -> Self {
        Self { entry: Arc::new(Entry::over(reason)), number: None }
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
        let Self { entry, number } = &mut *self;
        entry.poll(number, context.waker())
    }
}

impl Clone for Ended {
    fn clone(&self) -> Self {
        Self { entry: Arc::clone(&self.entry), number: None }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.entry.leave(number);
        }
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("reason", &self.is_ended()).finish_non_exhaustive()
    }
}
