//! The hold on a consumer that runs as a task.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};

use super::health::Health;

/// A consumer that runs as a task; made by [`StreamConsumer::spawn`](super::StreamConsumer::spawn).
///
/// Dropping it ends the task after the batch that it is at, without waiting for that.
///
/// # Health
/// While a consumer hears nothing, requests are answered by what is in the store: what the control
/// plane has revoked since then passes. The log says so, as an error from the second minute on. Let
/// the health endpoint of the service say it too:
///
/// ```
/// use std::time::Duration;
/// use fauth_core::store::StreamConsumerHandle;
///
/// /// Otherwise 503, so that the balancer takes the instance out.
/// fn is_healthy(consumers: &[StreamConsumerHandle]) -> bool {
///     let limit = Duration::from_secs(60);   // well above `wait`, 5 s by default
///     consumers.iter().all(|consumer| consumer.last_heard().is_some_and(|ago| ago < limit))
/// }
/// ```
#[derive(Debug)]
#[must_use = "the consumer ends when this is dropped; `detach` lets it run for as long as the runtime does"]
pub struct StreamConsumerHandle {
    stop: Option<oneshot::Sender<Detached>>,
    task: Option<JoinHandle<()>>,
    health: Arc<Health>,
}

/// What is sent to a task that nobody will end. That the sender is gone is the sign to end.
#[derive(Debug)]
pub(super) struct Detached;

impl StreamConsumerHandle {
    pub(super) fn new(stop: oneshot::Sender<Detached>, task: JoinHandle<()>, health: Arc<Health>) -> Self {
        Self { stop: Some(stop), task: Some(task), health }
    }

    /// How long ago a round went well: Redis answered, and the store took what came, or something
    /// of it beside others of the same batch, or nothing came. `None` if no round has yet. It grows
    /// while Redis or the store fails or stands still, also if all that is left always fails, and
    /// up to [`wait`](super::StreamConsumerBuilder::wait) while nothing comes.
    #[must_use]
    pub fn last_heard(&self) -> Option<Duration> {
        self.health.last_heard()
    }

    /// Whether more is to be done after the last round: it failed, or entries failed that will be
    /// tried again, or a whole batch came and more may be behind it. That passes; a consumer that
    /// is behind for minutes needs help.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.health.is_behind()
    }

    /// How many entries were delivered, and deleted from the stream before they were acknowledged:
    /// what they asked for may not have been carried out.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.health.lost()
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

    /// Lets the consumer run for as long as the runtime does. Then only the log tells how it is
    /// doing; keep the handle for a [health endpoint](Self#health).
    pub fn detach(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended.
            let _ = stop.send(Detached);
        }
    }
}
