//! Streams that end with an authority.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::future::Ended;

/// A stream that ends when the authority of a grant does; created by [`Ended::take_until`].
pub struct UntilEnded<S> {
    stream: Pin<Box<S>>,
    ended: Option<Ended>,
}

impl Ended {
    /// Returns a stream that ends with the authority, such as a server-sent stream. A stream that
    /// is always ready ends too.
    pub fn take_until<S: Stream>(self, stream: S) -> UntilEnded<S> {
        UntilEnded { stream: Box::pin(stream), ended: Some(self) }
    }
}

impl<S: Stream> Stream for UntilEnded<S> {
    type Item = S::Item;

    /// Checks the authority first, so that a stream that is always ready ends too.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Some(ended) = &mut self.ended else { return Poll::Ready(None) };
        if Pin::new(ended).poll(context).is_ready() {
            self.ended = None;
            return Poll::Ready(None);
        }
        let next = self.stream.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(None)) {
            self.ended = None;
        }
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // It may end at any time.
        (0, self.stream.size_hint().1)
    }
}

impl<S> fmt::Debug for UntilEnded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilEnded").field("ended", &self.ended).finish_non_exhaustive()
    }
}
