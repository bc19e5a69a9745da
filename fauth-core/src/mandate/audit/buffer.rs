//! The queue between requests and the writer task. Pushing holds a lock briefly, and never waits
//! for the writer.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

/// The cause of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Any request, of which a caller can send as many as it likes. Limited to half of the buffer.
    Request,
    /// An action: a login, a revocation, or an event of the application's own.
    Act,
}

/// A bounded queue with many producers and one consumer.
pub(super) struct Buffer<T> {
    state: Mutex<State<T>>,
    wake: Notify,
    /// Whether most of the space behind the buffer (the folder) is used up too.
    is_crowded: AtomicBool,
    capacity: usize,
    /// The number of waiting items that wakes the consumer early.
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

    /// Returns `false` if there is no room.
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

    /// Takes the oldest items, at most this many.
    pub(super) fn take(&self, most: usize) -> Vec<Box<T>> {
        let mut state = self.lock();
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Stops accepting items. Waiting items can still be taken.
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

    /// Waits until an item arrives, a batch is full or the buffer is closed, or until `until`. The
    /// one consumer then looks which of these it was.
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
