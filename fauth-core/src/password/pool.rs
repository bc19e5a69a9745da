//! Hashing outside the async workers, with limits on concurrency, queue length and waiting time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time,
};

use super::{
    cost::Broken,
    error::PasswordError,
    line::{Line, Place, Position},
};

/// The turns and slots for hashing.
///
/// A turn covers a whole login: the user is looked up while it is held, so that no more users are
/// looked up than passwords are hashed. The hash itself needs a slot.
///
/// There are more turns than slots, so that the next user is looked up while a hash is computed.
pub(super) struct Pool {
    slots: Arc<Semaphore>,
    turns: Arc<Turns>,
    queue_wait: Duration,
}

impl Pool {
    pub(super) fn new(slots: usize, (queue_limit, queue_wait): (usize, Duration)) -> Self {
        let ahead = slots.min(queue_limit);
        // In addition to the queue, so that no flood of logins fills it.
        let users = queue_limit.div_ceil(4);
        let state = State { free: slots + ahead, line: Line::new(queue_limit - ahead, users) };
        let turns = Arc::new(Turns(Mutex::new(state)));
        Self { slots: Arc::new(Semaphore::new(slots)), turns, queue_wait }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, place: Place) -> Result<Turn, PasswordError> {
        if Handle::try_current().is_err() {
            return Err(failed("no tokio runtime"));
        }
        let mut waiting = match self.turns.enter(place) {
            Entered::Turn(turn) => return Ok(turn),
            Entered::Waiting(waiting) => waiting,
            Entered::Full => return Err(self.busy("the queue is full")),
        };
        match time::timeout(self.queue_wait, &mut waiting.called).await {
            Ok(Ok(())) => Ok(Turn(Arc::clone(&self.turns))),
            Ok(Err(_)) => Err(self.busy("displaced from the full queue: others had fewer requests in it")),
            Err(_) => Err(self.busy("the wait limit has passed")),
        }
    }

    /// Waits for a slot. With a turn, that takes no longer than the hashes that are running.
    pub(super) async fn slot(&self) -> Result<Slot, PasswordError> {
        if let Some(slot) = self.free_slot() {
            return Ok(slot);
        }
        match time::timeout(self.queue_wait, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(Slot(slot)),
            Ok(Err(_)) => Err(failed("the pool is closed")),
            Err(_) => Err(self.busy("the wait limit has passed")),
        }
    }

    /// Returns a slot if one is free and nobody waits for it. A slot that becomes free goes to the
    /// first that waits and cannot be taken here.
    pub(super) fn free_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok().map(Slot)
    }

    /// Runs `job` on the blocking pool.
    ///
    /// The job owns slot and turn. If this future kept them, they would be free again as soon as
    /// the client hangs up, while the hash goes on: any number of hashes could be started that way.
    pub(super) async fn run<T, J>(slot: Slot, turn: Arc<Turn>, job: J) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        J: FnOnce() -> Result<T, Broken> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return Err(failed("no tokio runtime"));
        };
        let held = (slot, turn);
        let job = move || {
            let outcome = job();
            drop(held);
            outcome
        };
        match runtime.spawn_blocking(job).await {
            Ok(outcome) => outcome.map_err(|Broken(reason)| failed(reason)),
            Err(error) if error.is_panic() => Err(failed("the hashing task panicked")),
            Err(_) => Err(failed("the runtime is shutting down")),
        }
    }

    fn busy(&self, reason: &'static str) -> PasswordError {
        tracing::warn!(target: "fauth", reason, "the password hasher is busy, the request was refused");
        let partial = u64::from(self.queue_wait.subsec_nanos() > 0);
        let seconds = self.queue_wait.as_secs().saturating_add(partial).max(1);
        PasswordError::Busy { retry_after: Duration::from_secs(seconds) }
    }
}

fn failed(reason: &'static str) -> PasswordError {
    tracing::error!(target: "fauth", reason, "password hashing failed");
    PasswordError::Failed
}

/// The free turns, and the requests that wait for one.
struct Turns(Mutex<State>);

struct State {
    /// Zero while any request waits.
    free: usize,
    line: Line<oneshot::Sender<()>>,
}

impl Turns {
    /// No code under the lock can panic half way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, place: Place) -> Entered {
        let mut state = self.lock();
        if let Some(left) = state.free.checked_sub(1) {
            state.free = left;
            return Entered::Turn(Turn(Arc::clone(self)));
        }
        let (call, called) = oneshot::channel();
        match state.line.enter(place, call) {
            // A displaced request notices that its channel is closed.
            Ok((position, _displaced)) => {
                Entered::Waiting(Waiting { turns: Arc::clone(self), position, called })
            }
            Err(_full) => Entered::Full,
        }
    }
}

impl State {
    /// Gives the turn to the first request that still waits for it.
    fn pass_on(&mut self) {
        while let Some(next) = self.line.next() {
            if next.send(()).is_ok() {
                return;
            }
        }
        self.free += 1;
    }
}

enum Entered {
    Turn(Turn),
    Waiting(Waiting),
    Full,
}

/// The right to look a user up and to ask for a slot. Passed on when it is dropped.
pub(super) struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().pass_on();
    }
}

/// The right to compute one hash.
pub(super) struct Slot(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// A place in the line, given up when the waiting future ends in any way.
struct Waiting {
    turns: Arc<Turns>,
    position: Position,
    called: oneshot::Receiver<()>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        let has_waited = state.line.leave(&self.position).is_some();
        // A turn that was given but not taken goes to the next request.
        if !has_waited && self.called.try_recv().is_ok() {
            state.pass_on();
        }
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
    use crate::{client::ClientInfo, password::line::OnBehalfOf};

    const BUSY: PasswordError = PasswordError::Busy { retry_after: Duration::from_secs(3) };

    fn pool(slots: usize, queue_limit: usize) -> Pool {
        Pool::new(slots, (queue_limit, Duration::from_secs(3)))
    }

    /// A client at this address.
    fn at(last: u8) -> Place {
        OnBehalfOf::from(&ClientInfo::unknown().with_address([192, 0, 2, last].into())).place()
    }

    impl Pool {
        /// Takes a turn and hashes, as for a new password.
        async fn do_for<T, J>(&self, place: Place, job: J) -> Result<T, PasswordError>
        where
            T: Send + 'static,
            J: FnOnce() -> Result<T, Broken> + Send + 'static,
        {
            let turn = Arc::new(self.turn(place).await?);
            Self::run(self.slot().await?, turn, job).await
        }

        fn free_turns(&self) -> usize {
            self.turns.lock().free
        }

        fn somebody_waits(&self) -> bool {
            !self.turns.lock().line.is_empty()
        }
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
        let (mut first, mut second) = (pin!(pool.do_for(at(1), first)), pin!(pool.do_for(at(1), second)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert_eq!(pool.slots.available_permits(), 0);

        let mut third = pin!(pool.do_for(at(1), || Ok(3)));
        assert!(poll(third.as_mut()).is_pending());
        assert_eq!(poll(pin!(pool.do_for(at(1), || Ok(4)))), Poll::Ready(Err(BUSY)), "at once");

        drop(open_first);
        assert_eq!(third.await, Ok(3));
        drop(open_second);
        assert_eq!((first.await, second.await), (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn without_a_queue_nothing_waits() {
        let pool = pool(1, 0);
        let (open, job) = Gate::new();
        let mut running = pin!(pool.do_for(at(1), job));
        assert!(poll(running.as_mut()).is_pending());
        assert_eq!(poll(pin!(pool.do_for(at(1), || Ok(())))), Poll::Ready(Err(BUSY)), "at once");
        drop(open);
        assert_eq!(running.await, Ok(()));
        assert_eq!(pool.do_for(at(1), || Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn a_cancelled_request_keeps_its_slot_until_the_hash_ends() {
        let pool = pool(1, 0);
        let (gate, job) = Gate::new();
        {
            let mut gone = pin!(pool.do_for(at(1), job));
            assert!(poll(gone.as_mut()).is_pending());
        }
        gate.begun.recv().unwrap();
        assert_eq!(poll(pin!(pool.do_for(at(1), || Ok(())))), Poll::Ready(Err(BUSY)));
        drop(gate);
        let _slot = pool.slots.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn a_cancelled_wait_gives_its_place_up() {
        let pool = pool(1, 1);
        let (open, job) = Gate::new();
        let mut running = pin!(pool.do_for(at(1), job));
        assert!(poll(running.as_mut()).is_pending());
        for _ in 0..3 {
            let mut waiting = pin!(pool.do_for(at(1), || Ok(())));
            assert!(poll(waiting.as_mut()).is_pending(), "the place was free");
        }
        assert_eq!(pool.free_turns(), 1);
        drop(open);
        assert_eq!(running.await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_limit() {
        for queue_limit in [1, 2] {
            let pool = pool(1, queue_limit);
            // With one place the request waits for the slot, with two for its turn.
            let turns: Vec<_> = (0..queue_limit).map(|_| pool.turns.enter(at(1))).collect();
            let slot = Arc::clone(&pool.slots).acquire_owned().await.unwrap();

            let began = time::Instant::now();
            assert_eq!(pool.do_for(at(1), || Ok(())).await, Err(BUSY));
            assert_eq!(began.elapsed(), Duration::from_secs(3));
            assert!(!pool.somebody_waits());

            let late = async {
                time::sleep(Duration::from_millis(2999)).await;
                drop((slot, turns));
            };
            assert_eq!(tokio::join!(pool.do_for(at(1), || Ok(7)), late).0, Ok(7));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_in_whole_seconds() {
        for (wait, retry_after) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (3000, 3)] {
            let pool = Pool::new(1, (0, Duration::from_millis(wait)));
            let _turn = pool.turn(at(1)).await.unwrap();
            let busy = PasswordError::Busy { retry_after: Duration::from_secs(retry_after) };
            assert_eq!(pool.do_for(at(1), || Ok(())).await, Err(busy), "{wait}");
        }
    }

    #[tokio::test]
    async fn a_broken_hash_fails_and_frees_its_slot() {
        let pool = pool(1, 0);
        assert_eq!(pool.do_for(at(1), || Err::<(), _>(Broken("test"))).await, Err(PasswordError::Failed));
        let panics = || -> Result<(), Broken> { panic!("on purpose") };
        assert_eq!(pool.do_for(at(1), panics).await, Err(PasswordError::Failed));
        assert_eq!(pool.do_for(at(1), || Ok(1)).await, Ok(1));
    }

    #[test]
    fn outside_a_runtime_it_fails_instead_of_panicking() {
        let pool = pool(1, 0);
        let future = pin!(pool.do_for(at(1), || Ok(())));
        assert_eq!(poll(future), Poll::Ready(Err(PasswordError::Failed)));
    }

    /// There are as many turns as slots plus places that look ahead.
    #[tokio::test]
    async fn turns_are_twice_the_slots_and_part_of_the_queue() {
        for (slots, queue_limit, turns) in [(2, 64, 4), (2, 2, 4), (2, 1, 3), (2, 0, 2), (1, 64, 2)] {
            let pool = pool(slots, queue_limit);
            let mut held = Vec::new();
            while let Entered::Turn(turn) = pool.turns.enter(at(1)) {
                held.push(turn);
            }
            assert_eq!(held.len(), turns, "{slots} slots, {queue_limit} places");
            let waiting = || pool.turns.enter(at(1));
            let waiting: Vec<_> =
                std::iter::from_fn(|| Some(waiting()).filter(|one| matches!(one, Entered::Waiting(_))))
                    .collect();
            assert_eq!(turns - slots + waiting.len(), queue_limit, "who looks ahead waits too");
        }
    }

    #[tokio::test]
    async fn a_turn_goes_round_by_address() {
        let pool = pool(1, 9);
        let (turn, _other) = (pool.turn(at(9)).await.unwrap(), pool.turn(at(9)).await.unwrap());
        let served = Mutex::new(Vec::new());
        let wait = async |address: u8, name: &'static str| {
            let _turn = pool.turn(at(address)).await.unwrap();
            served.lock().unwrap().push(name);
        };
        let mut flood = [pin!(wait(1, "flood 1")), pin!(wait(1, "flood 2")), pin!(wait(1, "flood 3"))];
        for waiting in &mut flood {
            assert!(poll(waiting.as_mut()).is_pending());
        }
        let mut victim = pin!(wait(2, "victim"));
        assert!(poll(victim.as_mut()).is_pending());
        drop(turn);
        let [first, second, third] = flood;
        tokio::join!(third, second, first, victim);
        assert_eq!(*served.lock().unwrap(), ["flood 1", "victim", "flood 2", "flood 3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_displaced_is_told_at_once() {
        let pool = pool(1, 3);
        let _turns = (pool.turn(at(9)).await.unwrap(), pool.turn(at(9)).await.unwrap());
        let (mut first, mut second) = (pin!(pool.turn(at(1))), pin!(pool.turn(at(1))));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert!(matches!(poll(pin!(pool.turn(at(1)))), Poll::Ready(Err(_))), "the queue is full");
        let mut newcomer = pin!(pool.turn(at(2)));
        assert!(poll(newcomer.as_mut()).is_pending());
        let began = time::Instant::now();
        assert_eq!(second.await.err(), Some(BUSY));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(poll(first.as_mut()).is_pending() && poll(newcomer.as_mut()).is_pending());
    }

    #[tokio::test]
    async fn a_turn_that_was_given_and_not_taken_goes_to_the_next() {
        let pool = pool(1, 9);
        let turns = (pool.turn(at(9)).await.unwrap(), pool.turn(at(9)).await.unwrap());
        {
            let mut gone = pin!(pool.turn(at(1)));
            assert!(poll(gone.as_mut()).is_pending());
            let mut next = pin!(pool.turn(at(2)));
            assert!(poll(next.as_mut()).is_pending());
            drop(turns.0);
            drop(turns.1);
            assert_eq!(pool.free_turns(), 0);
            // Both were called, and neither has been polled since.
        }
        assert_eq!(pool.free_turns(), 2);
        assert!(!pool.somebody_waits());
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_its_hash() {
        let pool = pool(1, 0);
        let (gate, job) = Gate::new();
        let turn = Arc::new(pool.turn(at(1)).await.unwrap());
        {
            let mut gone = pin!(Pool::run(pool.slot().await.unwrap(), turn, job));
            assert!(poll(gone.as_mut()).is_pending());
        }
        gate.begun.recv().unwrap();
        assert_eq!(pool.free_turns(), 0);
        drop(gate);
        let _slot = pool.slots.acquire().await.unwrap();
        while pool.free_turns() == 0 {
            tokio::task::yield_now().await;
        }
    }
}
