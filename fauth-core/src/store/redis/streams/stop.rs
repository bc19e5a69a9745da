//! A stop signal that cancels waiting.

use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// A signal that fires once and stays on.
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

    /// Returns the output of `work`, or drops it and returns `None` once the signal has fired.
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
