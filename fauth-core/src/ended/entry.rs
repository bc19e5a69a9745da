//! The state shared by the task and by the futures that wait for an end.

use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use smallvec::SmallVec;

use super::reason::EndReason;

/// The number of an entry. Never reused.
pub(crate) type Id = u64;

/// Whether an authority is over, and the wakers to call then.
#[derive(Debug)]
pub(super) struct Entry {
    id: Id,
    /// How many futures hold it.
    holders: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<EndReason>,
    /// Mostly one, that of the connection.
    waiting: SmallVec<[(u32, Waker); 1]>,
    /// The number of the last future that was polled first.
    last: u32,
}

impl Entry {
    pub(super) fn new(id: Id) -> Self {
        Self { id, holders: AtomicUsize::new(0), state: Mutex::default() }
    }

    pub(super) fn over(reason: EndReason) -> Self {
        let state = State { reason: Some(reason), ..State::default() };
        Self { state: Mutex::new(state), ..Self::new(0) }
    }

    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// Adds a holder.
    pub(super) fn hold(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// Removes a holder. Was it the last one?
    pub(super) fn let_go(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn is_held(&self) -> bool {
        self.holders.load(Ordering::Acquire) > 0
    }

    pub(super) fn reason(&self) -> Option<EndReason> {
        self.lock().reason
    }

    /// Why it is over. If it is not, stores the waker, in place of the previous one with the same
    /// `number`.
    pub(super) fn poll(&self, number: &mut Option<u32>, waker: &Waker) -> Poll<EndReason> {
        let mut state = self.lock();
        if let Some(reason) = state.reason {
            return Poll::Ready(reason);
        }
        let own = *number.get_or_insert_with(|| {
            state.last = state.last.wrapping_add(1);
            state.last
        });
        let before = match state.waiting.iter_mut().find(|(number, _)| *number == own) {
            Some((_, kept)) if kept.will_wake(waker) => None,
            Some((_, kept)) => Some(mem::replace(kept, waker.clone())),
            None => {
                state.waiting.push((own, waker.clone()));
                None
            }
        };
        drop(state);
        // Without the lock: dropping a waker may run any code.
        drop(before);
        Poll::Pending
    }

    /// Removes the waker with this number.
    pub(super) fn leave(&self, number: u32) {
        let mut state = self.lock();
        let left = state.waiting.iter().position(|(other, _)| *other == number);
        let waker = left.map(|at| state.waiting.swap_remove(at));
        drop(state);
        // Without the lock: dropping a waker may run any code.
        drop(waker);
    }

    /// Ends it, unless it has ended before, and wakes all futures.
    pub(super) fn end(&self, reason: EndReason) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// Wakes all futures, so that they start a new task.
    pub(super) fn rouse(&self) {
        let waiting = self.lock().waiting.clone();
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// A panic leaves the data consistent, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU32};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn everybody_who_waits_is_woken_once_and_who_has_left_is_not() {
        let entry = Entry::new(1);
        let ((one, first), (two, second), (three, third)) = (waker(), waker(), waker());
        let (mut number, mut other, mut gone) = (None, None, None);
        assert!(entry.poll(&mut number, &first).is_pending());
        assert!(entry.poll(&mut number, &first).is_pending(), "as often as it likes");
        assert!(entry.poll(&mut other, &second).is_pending());
        assert!(entry.poll(&mut gone, &third).is_pending());
        assert_eq!(entry.lock().waiting.len(), 3);
        entry.leave(gone.unwrap());
        entry.end(EndReason::Expired);
        entry.end(EndReason::Revoked);
        for (count, expected) in [(one, 1), (two, 1), (three, 0)] {
            assert_eq!(count.0.load(Ordering::SeqCst), expected);
        }
        assert_eq!(entry.poll(&mut number, &first), Poll::Ready(EndReason::Expired), "the first reason");
        assert_eq!(entry.reason(), Some(EndReason::Expired));
    }

    #[test]
    fn the_last_who_lets_go_is_told() {
        let entry = Entry::new(1);
        entry.hold();
        entry.hold();
        assert!(!entry.let_go() && entry.is_held());
        assert!(entry.let_go() && !entry.is_held());
    }

    /// Checks when it is dropped that its entry is not locked, like a future that is dropped with
    /// its waker.
    struct Looks(Arc<Entry>);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(self.0.state.try_lock().is_ok(), "dropped under the lock");
        }
    }

    #[test]
    fn a_waker_that_is_replaced_is_dropped_without_the_lock() {
        let entry = Arc::new(Entry::new(1));
        let mut number = None;
        assert!(entry.poll(&mut number, &Waker::from(Arc::new(Looks(Arc::clone(&entry))))).is_pending());
        let (count, second) = waker();
        assert!(entry.poll(&mut number, &second).is_pending());
        entry.end(EndReason::Expired);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
