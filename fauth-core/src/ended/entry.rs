//! What the keeper of an authority and those who wait for its end share.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use smallvec::SmallVec;

use super::EndReason;

/// Whether an authority is over, and who waits for that.
#[derive(Debug, Default)]
pub(crate) struct Entry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reason: Option<EndReason>,
    /// Mostly one, that of the connection.
    waiting: SmallVec<[(u32, Waker); 1]>,
    /// The number of the next who waits.
    next: u32,
}

impl Entry {
    pub(super) fn over(reason: EndReason) -> Self {
        Self(Mutex::new(State { reason: Some(reason), ..State::default() }))
    }

    pub(super) fn reason(&self) -> Option<EndReason> {
        self.lock().reason
    }

    /// Why it is over; if it is not, the waker is kept, in place of the one before with the same
    /// `number`.
    pub(super) fn poll(&self, number: &mut Option<u32>, waker: &Waker) -> Poll<EndReason> {
        let mut state = self.lock();
        if let Some(reason) = state.reason {
            return Poll::Ready(reason);
        }
        let own = *number.get_or_insert_with(|| {
            state.next = state.next.wrapping_add(1);
            state.next
        });
        match state.waiting.iter_mut().find(|(number, _)| *number == own) {
            Some((_, kept)) => kept.clone_from(waker),
            None => state.waiting.push((own, waker.clone())),
        }
        Poll::Pending
    }

    /// Whoever has this number does not wait any more.
    pub(super) fn leave(&self, number: u32) {
        let mut state = self.lock();
        let left = state.waiting.iter().position(|(other, _)| *other == number);
        let waker = left.map(|at| state.waiting.swap_remove(at));
        drop(state);
        // Outside of the lock: a waker may do anything when it is dropped.
        drop(waker);
    }

    /// Ends it, unless it has ended before, and wakes everybody who waits.
    pub(super) fn end(&self, reason: EndReason) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// Wakes everybody who waits, so that they look who keeps it.
    pub(super) fn rouse(&self) {
        let waiting = self.lock().waiting.clone();
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// Nothing is half done where it could panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
