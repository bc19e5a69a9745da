//! What requests hand over to the task that writes. Handing over takes a short lock, and never
//! waits for the writer.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

/// What raises an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A request by itself: there are as many as somebody likes to send. It gets half of the room.
    Request,
    /// Something that was done: a login, a revocation, or what the application says.
    Act,
}

/// A bounded queue of many producers and one consumer.
pub(super) struct Buffer<T> {
    state: Mutex<State<T>>,
    wake: Notify,
    /// Is most of the room behind the buffer used up too?
    is_crowded: AtomicBool,
    capacity: usize,
    /// How many are waiting when the consumer is woken before its time.
    batch: usize,
}

struct State<T> {
    waiting: VecDeque<Box<T>>,
    is_closed: bool,
}

impl<T> Buffer<T> {
    pub(super) fn new(capacity: usize, batch: usize) -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            is_crowded: AtomicBool::new(false),
            capacity,
            batch,
        }
    }

    /// `false` if there is no room.
    pub(super) fn push(&self, item: Box<T>, source: Source) -> bool {
        let room = match source {
            Source::Act => self.capacity,
            Source::Request if self.is_crowded.load(Ordering::Relaxed) => 0,
            Source::Request => self.capacity / 2,
        };
        let mut state = self.lock();
        if state.is_closed || state.waiting.len() >= room {
            return false;
        }
        state.waiting.push_back(item);
        let length = state.waiting.len();
        drop(state);
        if length == 1 || length == self.batch {
            self.wake.notify_one();
        }
        true
    }

    /// The oldest ones, at most so many.
    pub(super) fn take(&self, most: usize) -> Vec<Box<T>> {
        let mut state = self.lock();
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Takes nothing any more. What is waiting can still be taken out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn crowd(&self, is_crowded: bool) {
        self.is_crowded.store(is_crowded, Ordering::Relaxed);
    }

    /// Waits until something has come, a batch is full or it was closed; for the one consumer,
    /// which looks for itself what it was. `until` is the longest that it waits.
    pub(super) async fn changed(&self, until: Option<Instant>) {
        match until {
            None => self.wake.notified().await,
            Some(until) => {
                let _ = tokio::time::timeout_at(until, self.wake.notified()).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(buffer: &Buffer<u32>, count: u32, source: Source) -> usize {
        (0..count).filter(|&number| buffer.push(Box::new(number), source)).count()
    }

    #[test]
    fn the_newest_are_refused_when_it_is_full() {
        let buffer = Buffer::new(4, 2);
        assert_eq!(pushed(&buffer, 6, Source::Act), 4);
        let taken: Vec<u32> = buffer.take(3).into_iter().map(|item| *item).collect();
        assert_eq!((taken, buffer.len()), (vec![0, 1, 2], 1));
        assert_eq!(pushed(&buffer, 6, Source::Act), 3);
        assert_eq!(buffer.take(9).len(), 4);
    }

    #[test]
    fn what_requests_raise_gets_half_of_the_room() {
        let buffer = Buffer::new(4, 2);
        assert_eq!(pushed(&buffer, 9, Source::Request), 2);
        assert_eq!(pushed(&buffer, 9, Source::Act), 2, "the other half is left");
        buffer.take(9);
        buffer.crowd(true);
        assert_eq!(pushed(&buffer, 9, Source::Request), 0);
        assert_eq!(pushed(&buffer, 1, Source::Act), 1);
        buffer.crowd(false);
        assert_eq!(pushed(&buffer, 9, Source::Request), 1);
    }

    #[test]
    fn a_closed_one_takes_nothing_and_gives_what_it_has() {
        let buffer = Buffer::new(4, 2);
        assert_eq!(pushed(&buffer, 1, Source::Act), 1);
        buffer.close();
        assert_eq!(pushed(&buffer, 1, Source::Act), 0);
        assert_eq!(buffer.take(9).len(), 1);
    }
}
