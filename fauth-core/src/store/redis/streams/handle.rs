//! The hold on a consumer that runs as a task.

use tokio::{sync::oneshot, task::JoinHandle};

/// A consumer that runs as a task; made by [`StreamConsumer::spawn`](super::StreamConsumer::spawn).
///
/// Dropping it ends the task after the batch that it is at, without waiting for that.
#[derive(Debug)]
#[must_use = "the consumer ends when this is dropped; `detach` lets it run for as long as the runtime does"]
pub struct StreamConsumerHandle {
    stop: Option<oneshot::Sender<Detached>>,
    task: Option<JoinHandle<()>>,
}

/// What is sent to a task that nobody will end. That the sender is gone is the sign to end.
#[derive(Debug)]
pub(super) struct Detached;

impl StreamConsumerHandle {
    pub(super) fn new(stop: oneshot::Sender<Detached>, task: JoinHandle<()>) -> Self {
        Self { stop: Some(stop), task: Some(task) }
    }

    /// Ends the consumer: it finishes the batch that it is at, acknowledges it, and leaves the
    /// group if nothing of it is pending there. Returns when that is done.
    ///
    /// While the store does not answer, that takes three of its time-outs at most.
    pub async fn shutdown(mut self) {
        self.stop = None;
        if let Some(task) = self.task.take() {
            // An error means that it panicked or was aborted: then it has ended too.
            let _ = task.await;
        }
    }

    /// Whether the task has ended. It does by itself only if a store panics.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the consumer run for as long as the runtime does.
    pub fn detach(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended.
            let _ = stop.send(Detached);
        }
    }
}
