//! The table of a provider, and the start of its task.
//!
//! The hub is owned by the provider and by every future, so neither it nor the task may keep the
//! provider alive. When the provider is dropped, everything ends.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

use super::{
    asker::Asker,
    entry::Entry,
    intervals::{Intervals, Moment, moments},
    reason::EndReason,
    table::{Facts, Over, Table},
};
use crate::{clock::instant, store::ChangeSender, token::TokenPayload};

/// Everything that is open at one provider.
pub(super) struct Hub {
    pub(super) intervals: Intervals,
    start: Instant,
    state: Mutex<State>,
    /// Is there a task? Written under the lock.
    is_kept: AtomicBool,
    /// Wakes the task.
    pub(super) woken: Notify,
    /// Changes by this provider, whatever its stores report.
    pub(super) own_changes: ChangeSender,
    /// The provider. Not kept alive.
    pub(super) asker: OnceLock<Weak<dyn Asker>>,
}

pub(super) struct State {
    pub(super) table: Table,
    /// The provider is gone, or was replaced in its switch.
    is_closed: bool,
}

impl Hub {
    pub(super) fn new(intervals: Intervals) -> Self {
        Self {
            intervals,
            start: instant(),
            state: Mutex::new(State { table: Table::new(intervals), is_closed: false }),
            is_kept: AtomicBool::new(false),
            woken: Notify::new(),
            own_changes: ChangeSender::new(),
            asker: OnceLock::new(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        moments(instant().saturating_duration_since(self.start))
    }

    /// The entry of this payload, if there is one. It is held already.
    pub(super) fn find(&self, payload: &Arc<TokenPayload>) -> Option<Arc<Entry>> {
        let state = self.lock();
        // Under the lock, so that it is not released before.
        state.table.find(payload).inspect(|entry| entry.hold())
    }

    /// Adds an entry; `None` if the provider is gone. The entry is held already.
    pub(super) fn begin(&self, facts: Facts) -> Option<Arc<Entry>> {
        let now = self.now();
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        let entry = match state.table.find(&facts.payload) {
            Some(entry) => entry,
            None => state.table.insert(facts, now),
        };
        entry.hold();
        drop(state);
        self.woken.notify_one();
        Some(entry)
    }

    /// Called when no future holds this entry any more.
    pub(super) fn release(&self, entry: &Entry) {
        let mut state = self.lock();
        state.table.release(entry);
        let is_empty = state.table.len() == 0;
        drop(state);
        if is_empty {
            self.woken.notify_one();
        }
    }

    /// Is there a task?
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Acquire)
    }

    /// What a new task holds; `None` if there is one, or nothing is open. The task must be spawned
    /// without the lock: a runtime that shuts down drops it at once, and that takes the lock.
    pub(super) fn take_over(self: &Arc<Self>) -> Option<Keeping> {
        let state = self.lock();
        if state.table.len() == 0 || self.is_kept.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Keeping { hub: Arc::clone(self), has_ended: false })
    }

    /// Refuses to open anything from now on, or allows it again.
    pub(super) fn set_closed(&self, is_closed: bool) {
        self.lock().is_closed = is_closed;
    }

    /// Ends everything, because the provider is gone.
    pub(super) fn end_all(&self) {
        let mut state = self.lock();
        let over = state.table.end_all(EndReason::ProviderGone);
        drop(state);
        tell(over);
        self.woken.notify_one();
    }

    /// A panic leaves the data consistent, so poisoning is ignored.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the table, and ends the entries that `change` returns.
    pub(super) fn ending(&self, change: impl FnOnce(&mut Table) -> Over) {
        // Without the lock: wakers may run any code.
        let over = change(&mut self.lock().table);
        tell(over);
    }
}

fn tell(over: Over) {
    for (entry, reason) in over {
        entry.end(reason);
    }
}

/// Held by the task.
pub(super) struct Keeping {
    pub(super) hub: Arc<Hub>,
    has_ended: bool,
}

impl Keeping {
    /// The task may end if nothing is open. A later entry starts another one.
    pub(super) fn ends_if_empty(&mut self) -> bool {
        let mut state = self.hub.lock();
        if state.table.len() > 0 {
            return false;
        }
        // Frees the memory that many entries have taken.
        state.table.shrink();
        self.hub.is_kept.store(false, Ordering::Release);
        self.has_ended = true;
        true
    }
}

impl Drop for Keeping {
    /// If the task has panicked, another one would panic too, so everything ends. Otherwise the
    /// runtime has shut down before the last entry ended, and a future that is polled in another
    /// runtime starts a new task there.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut state = self.hub.lock();
        self.hub.is_kept.store(false, Ordering::Release);
        if std::thread::panicking() {
            let over = state.table.end_all(EndReason::Unknown);
            drop(state);
            tracing::error!(target: "fauth", "a clock or a store has panicked: all open connections end");
            return tell(over);
        }
        let waiting = state.table.entries();
        drop(state);
        for entry in waiting {
            entry.rouse();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("open", &self.lock().table.len()).finish_non_exhaustive()
    }
}
