//! Single flight: one task fetches the keys, however many requests need them.
//!
//! The fetch runs in its own task, so that a cancelled request does not affect the others. No lock
//! is held meanwhile: waiting requests hold a receiver that closes when the task ends, even if it
//! ends by a panic or with its runtime.

use std::sync::{Arc, Weak};

use tokio::{runtime::Handle, sync::watch, time::timeout};

use super::{
    fault::KeySourceError,
    obtain::Obtained,
    pace::Reason,
    shared::{Begun, Remote, Shared, State},
};
use crate::clock::instant;

/// Closes when the fetch has ended.
pub(super) type Landing = watch::Receiver<()>;

/// Joins the running fetch, or starts one if allowed. `None` if not allowed.
pub(super) fn join(shared: &Arc<Shared>, reason: Reason) -> Result<Option<Landing>, KeySourceError> {
    let Some(remote) = &shared.remote else { return Ok(None) };
    let mut state = shared.lock();
    if let Some(landing) = &state.flight {
        return Ok(Some(landing.clone()));
    }
    if !shared.may_begin(&state, reason) {
        return Ok(None);
    }
    let runtime = Handle::try_current().map_err(|_| KeySourceError::NoRuntime)?;
    let departure = prepare(shared, &mut state);
    drop(state);
    Ok(Some(departure.begin(remote, &runtime)))
}

/// Starts a fetch in the background if allowed, without waiting.
pub(super) fn nudge(shared: &Arc<Shared>) {
    let (Some(remote), Ok(runtime)) = (&shared.remote, Handle::try_current()) else { return };
    // Whoever holds the lock may do the same.
    let Some(mut state) = shared.try_lock() else { return };
    if state.flight.is_none() && shared.may_begin(&state, Reason::Needed) {
        let departure = prepare(shared, &mut state);
        drop(state);
        departure.begin(remote, &runtime);
    }
}

/// A decision made under the lock. It starts without the lock: a runtime that is shutting down
/// drops new tasks at once, and the end of a flight takes the lock.
struct Departure {
    flight: Flight,
    landing: Landing,
    /// Set if no task refreshes in the background, or its runtime has ended.
    keeper: Option<Arc<()>>,
}

fn prepare(shared: &Arc<Shared>, state: &mut State) -> Departure {
    let (ended, landing) = watch::channel(());
    state.flight = Some(landing.clone());
    let keeper = (state.keeper.strong_count() == 0).then(|| {
        let alive = Arc::new(());
        state.keeper = Arc::downgrade(&alive);
        alive
    });
    let flight = Flight { shared: Arc::clone(shared), has_landed: false, _ended: ended };
    Departure { flight, landing, keeper }
}

impl Departure {
    fn begin(self, remote: &Remote, runtime: &Handle) -> Landing {
        let shared = &self.flight.shared;
        if let Some(alive) = self.keeper {
            runtime.spawn(keep(Arc::downgrade(shared), shared.gone.subscribe(), alive));
        }
        runtime.spawn(fly(self.flight, remote.clone()));
        self.landing
    }
}

/// A running fetch. It ends when this is dropped, for whatever reason.
struct Flight {
    shared: Arc<Shared>,
    has_landed: bool,
    /// The last field: dropped after everything else is in place.
    _ended: watch::Sender<()>,
}

impl Flight {
    fn land(&mut self, outcome: Result<(Obtained, Begun), KeySourceError>) {
        self.has_landed = true;
        self.shared.finish(outcome);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.has_landed {
            self.land(Err(KeySourceError::Interrupted));
        }
    }
}

async fn fly(mut flight: Flight, remote: Remote) {
    let outcome = flight.shared.obtain(&remote).await;
    flight.land(outcome);
}

/// Refreshes until the source is dropped or may rest; the next fetch then restarts it. Holds the
/// source only while a fetch starts.
async fn keep(source: Weak<Shared>, mut gone: watch::Receiver<()>, _alive: Arc<()>) {
    let mut last_used = instant();
    loop {
        let Some(idle) = source.upgrade().map(|shared| shared.idle_for()) else { return };
        if !idle.is_zero() {
            // Nothing is ever sent: a change means that the source is gone.
            if timeout(idle, gone.changed()).await.is_ok() {
                return;
            }
            // Another request may have fetched meanwhile.
            continue;
        }
        let awake = source.upgrade().filter(|shared| !shared.may_rest(&mut last_used));
        let Some(landing) = awake.map(|shared| join(&shared, Reason::Needed)) else { return };
        match landing {
            Ok(Some(mut landing)) => drop(landing.changed().await),
            Ok(None) => tokio::task::yield_now().await,
            Err(_) => return,
        }
    }
}
