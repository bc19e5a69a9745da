//! Work that runs to completion once it has begun.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

use crate::rejection::Rejection;

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send>>;

/// Runs to completion even if it is dropped. Frameworks drop a handler when its client disconnects,
/// perhaps between the step that revokes and the step that ends. The rest then becomes a task of
/// the runtime.
pub(super) struct RunToCompletion<T: Send + 'static>(Option<Boxed<T>>);

impl<T: Send + 'static> RunToCompletion<T> {
    pub(super) fn new(work: impl Future<Output = Result<T, Rejection>> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for RunToCompletion<T> {
    type Output = Result<T, Rejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let outcome = work.as_mut().poll(context);
        if outcome.is_ready() {
            self.0 = None;
        }
        outcome
    }
}

impl<T: Send + 'static> Drop for RunToCompletion<T> {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn what_is_dropped_half_way_is_done_all_the_same() {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let mut work = RunToCompletion::new(async move {
            tokio::task::yield_now().await;
            seen.store(true, Ordering::SeqCst);
            Ok(())
        });
        let first = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context))).await;
        assert!(first.is_pending());
        drop(work);
        assert!(!done.load(Ordering::SeqCst), "not at once");
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_is_waited_for_is_done_once() {
        assert_eq!(RunToCompletion::new(async { Ok(7) }).await, Ok(7));
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let work = std::future::poll_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Ok(()))
        });
        RunToCompletion::new(work).await.unwrap();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(polls.load(Ordering::SeqCst), 1, "nothing was left for a task");
    }
}
