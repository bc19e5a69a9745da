//! Hashing beside the async workers: so many at once, so many waiting, so long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use super::{cost::Broken, error::PasswordError};

pub(super) struct Pool {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_limit: usize,
    queue_wait: Duration,
}

impl Pool {
    pub(super) fn new(slots: usize, (queue_limit, queue_wait): (usize, Duration)) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), waiting: AtomicUsize::new(0), queue_limit, queue_wait }
    }

    /// Runs `job` on the blocking pool as soon as there is a slot.
    pub(super) async fn run<T, J>(&self, job: J) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        J: FnOnce() -> Result<T, Broken> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return Err(failed("no tokio runtime"));
        };
        let slot = self.slot().await?;
        // The slot moves into the job. Kept by this future, it would be free again as soon as the client hangs up,
        // while the hash goes on: any number of hashes could be started that way.
        let job = move || {
            let outcome = job();
            drop(slot);
            outcome
        };
        match runtime.spawn_blocking(job).await {
            Ok(outcome) => outcome.map_err(|Broken(reason)| failed(reason)),
            Err(error) if error.is_panic() => Err(failed("the hashing task panicked")),
            Err(_) => Err(failed("the runtime is shutting down")),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        // Passes nobody in the queue: a freed slot goes to the first that waits and is never up for grabs.
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = self.place().ok_or_else(|| self.busy("the queue is full"))?;
        match time::timeout(self.queue_wait, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) => Err(failed("the pool is closed")),
            Err(_) => Err(self.busy("the wait limit has passed")),
        }
    }

    fn place(&self) -> Option<Place<'_>> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.queue_limit).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Place(&self.waiting))
    }

    fn busy(&self, reason: &'static str) -> PasswordError {
        tracing::warn!(target: "fauth", reason, "a password was not hashed: too busy");
        let partial = u64::from(self.queue_wait.subsec_nanos() > 0);
        let seconds = self.queue_wait.as_secs().saturating_add(partial).max(1);
        PasswordError::Busy { retry_after: Duration::from_secs(seconds) }
    }
}

fn failed(reason: &'static str) -> PasswordError {
    tracing::error!(target: "fauth", reason, "password hashing failed");
    PasswordError::Failed
}

/// A place in the queue, given up when the future that waits ends in whatever way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
mod tests {
    use std::{
        pin::pin,
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    const BUSY: PasswordError = PasswordError::Busy { retry_after: Duration::from_secs(3) };

    fn pool(slots: usize, queue_limit: usize) -> Pool {
        Pool::new(slots, (queue_limit, Duration::from_secs(3)))
    }

    /// A job that lasts until the gate is dropped.
    struct Gate {
        begun: mpsc::Receiver<()>,
        _open: mpsc::Sender<()>,
    }

    impl Gate {
        fn new() -> (Self, impl FnOnce() -> Result<(), Broken> + Send + 'static) {
            let (report, begun) = mpsc::channel();
            let (open, wait) = mpsc::channel::<()>();
            let job = move || {
                let _ = report.send(());
                let _ = wait.recv();
                Ok(())
            };
            (Self { begun, _open: open }, job)
        }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn slots_and_queue_hold_to_the_limit_and_shed_one_past_it() {
        let pool = pool(2, 1);
        let (open_first, first) = Gate::new();
        let (open_second, second) = Gate::new();
        let (mut first, mut second) = (pin!(pool.run(first)), pin!(pool.run(second)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert_eq!(pool.slots.available_permits(), 0);

        let mut third = pin!(pool.run(|| Ok(3)));
        assert!(poll(third.as_mut()).is_pending());
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 1);
        assert_eq!(poll(pin!(pool.run(|| Ok(4)))), Poll::Ready(Err(BUSY)), "at once");

        drop(open_first);
        assert_eq!(third.await, Ok(3));
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        drop(open_second);
        assert_eq!((first.await, second.await), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn without_a_queue_nothing_waits() {
        let pool = pool(1, 0);
        let (open, job) = Gate::new();
        let mut running = pin!(pool.run(job));
        assert!(poll(running.as_mut()).is_pending());
        assert_eq!(poll(pin!(pool.run(|| Ok(())))), Poll::Ready(Err(BUSY)), "at once");
        drop(open);
        assert_eq!(running.await, Ok(()));
        assert_eq!(pool.run(|| Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn a_cancelled_request_keeps_its_slot_until_the_hash_ends() {
        let pool = pool(1, 0);
        let (gate, job) = Gate::new();
        {
            let mut gone = pin!(pool.run(job));
            assert!(poll(gone.as_mut()).is_pending());
        }
        gate.begun.recv().unwrap();
        assert_eq!(poll(pin!(pool.run(|| Ok(())))), Poll::Ready(Err(BUSY)));
        drop(gate);
        let _slot = pool.slots.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn a_cancelled_wait_gives_its_place_up() {
        let pool = pool(1, 1);
        let (open, job) = Gate::new();
        let mut running = pin!(pool.run(job));
        assert!(poll(running.as_mut()).is_pending());
        for _ in 0..3 {
            let mut waiting = pin!(pool.run(|| Ok(())));
            assert!(poll(waiting.as_mut()).is_pending(), "the place was free");
        }
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        drop(open);
        assert_eq!(running.await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_limit() {
        let pool = pool(1, 1);
        let slot = Arc::clone(&pool.slots).acquire_owned().await.unwrap();

        let began = time::Instant::now();
        assert_eq!(pool.run(|| Ok(())).await, Err(BUSY));
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);

        let late = async {
            time::sleep(Duration::from_millis(2999)).await;
            drop(slot);
        };
        assert_eq!(tokio::join!(pool.run(|| Ok(7)), late).0, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_in_whole_seconds() {
        for (wait, retry_after) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (3000, 3)] {
            let pool = Pool::new(1, (0, Duration::from_millis(wait)));
            let _slot = Arc::clone(&pool.slots).acquire_owned().await.unwrap();
            let busy = PasswordError::Busy { retry_after: Duration::from_secs(retry_after) };
            assert_eq!(pool.run(|| Ok(())).await, Err(busy), "{wait}");
        }
    }

    #[tokio::test]
    async fn a_broken_hash_fails_and_frees_its_slot() {
        let pool = pool(1, 0);
        assert_eq!(pool.run(|| Err::<(), _>(Broken("test"))).await, Err(PasswordError::Failed));
        let panics = || -> Result<(), Broken> { panic!("on purpose") };
        assert_eq!(pool.run(panics).await, Err(PasswordError::Failed));
        assert_eq!(pool.run(|| Ok(1)).await, Ok(1));
    }

    #[test]
    fn outside_a_runtime_it_fails_instead_of_panicking() {
        let pool = pool(1, 0);
        let future = pin!(pool.run(|| Ok(())));
        assert_eq!(poll(future), Poll::Ready(Err(PasswordError::Failed)));
    }
}
