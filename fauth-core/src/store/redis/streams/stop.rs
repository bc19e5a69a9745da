//! The end of a task, as a signal that what waits is given up for.

use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// A signal that is over once, and for ever.
pub(super) struct Stop {
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

impl Stop {
    pub(super) fn when(signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { signal: Box::pin(signal), is_over: false }
    }

    pub(super) fn never() -> Self {
        Self::when(pending())
    }

    /// The outcome of what is waited for; `None`, and what is waited for is dropped, once the
    /// signal is there.
    pub(super) async fn race<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if self.is_over || self.signal.as_mut().poll(context).is_ready() {
                self.is_over = true;
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    pub(super) async fn is_over(&mut self) -> bool {
        self.race(async {}).await.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_wins_and_stays() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let mut stop = Stop::when(async { drop(receiver.await) });
        assert_eq!(stop.race(async { 1 }).await, Some(1));
        assert!(!stop.is_over().await);
        sender.send(()).unwrap();
        assert_eq!(stop.race(async { 1 }).await, None);
        assert!(stop.is_over().await, "and is not asked again");
        assert!(!Stop::never().is_over().await);
    }
}
