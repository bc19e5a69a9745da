//! The handle of a consumer that runs as a task.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};

use super::health::Health;

/// A consumer that runs as a task. Created by
/// [`StreamConsumer::spawn`](super::StreamConsumer::spawn).
///
/// Dropping the handle stops the task after its current batch, without waiting for it.
///
/// # Health
/// While a consumer hears nothing, requests are checked against what is in the store: mandates that
/// the control plane has revoked since then are accepted. This is logged, as an error from the
/// second minute on. Report it in the health endpoint of the service too:
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

/// Sent by `detach`. A sender that is dropped without sending it tells the task to stop.
#[derive(Debug)]
pub(super) struct Detached;

impl StreamConsumerHandle {
    pub(super) fn new(stop: oneshot::Sender<Detached>, task: JoinHandle<()>, health: Arc<Health>) -> Self {
        Self { stop: Some(stop), task: Some(task), health }
    }

    /// Returns the time since the last successful round, or `None` if there was none yet. A round
    /// is successful if Redis answered, and nothing arrived or the store accepted at least one
    /// entry of the last batch.
    ///
    /// The time grows while Redis or the store fails or hangs, also if all remaining entries always
    /// fail, and up to [`wait`](super::StreamConsumerBuilder::wait) while no entries arrive.
    #[must_use]
    pub fn last_heard(&self) -> Option<Duration> {
        self.health.last_heard()
    }

    /// Returns whether work was left after the last round: it failed, entries failed and will be
    /// retried, or a full batch arrived and more may follow. This is normal for a short time; a
    /// consumer that stays behind for minutes needs attention.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.health.is_behind()
    }

    /// Returns how many entries were delivered, but deleted from the stream before they were
    /// acknowledged: they may not have been carried out.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.health.lost()
    }

    /// Stops the consumer: it finishes its current batch, acknowledges it, and leaves the group if
    /// none of the group's entries are pending with it. Returns when that is done.
    ///
    /// If the store does not answer, this takes at most three of its time-outs.
    pub async fn shutdown(mut self) {
        self.stop = None;
        if let Some(task) = self.task.take() {
            // An error means that the task panicked or was aborted: it has ended too.
            let _ = task.await;
        }
    }

    /// Returns whether the task has ended. It ends by itself only if a store panics.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the consumer run for as long as the runtime does. Only the log then reports its state;
    /// keep the handle for a [health endpoint](Self#health).
    pub fn detach(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended.
            let _ = stop.send(Detached);
        }
    }
}
