//! The future that completes when an authority ends, and the provider's side of it.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use tokio::runtime::Handle;

use super::{
    asker::Asker, entry::Entry, hub::Hub, intervals::Intervals, keeper, reason::EndReason, table::Facts,
};
use crate::{store::ChangeSender, token::TokenPayload};

/// The provider's side. When it is dropped with the provider, everything ends.
pub(crate) struct Open(Arc<Hub>);

impl Open {
    pub(crate) fn new(intervals: Intervals) -> Self {
        Self(Arc::new(Hub::new(intervals)))
    }

    /// Watches the authority of a grant until it ends, or until all its futures are dropped.
    pub(crate) fn keep(
        &self,
        payload: &Arc<TokenPayload>,
        asker: impl FnOnce() -> Weak<dyn Asker>,
        facts: impl FnOnce() -> Facts,
    ) -> Ended {
        let hub = &self.0;
        hub.asker.get_or_init(asker);
        // The facts are computed without the lock.
        let Some(entry) = hub.find(payload).or_else(|| hub.begin(facts())) else {
            return Ended::over(EndReason::ProviderGone);
        };
        let ended = Ended { entry, hub: Some(Arc::clone(hub)), number: None };
        see_to_it(hub);
        ended
    }

    /// Reports a change made by this provider. The key is computed only if a task listens.
    pub(crate) fn tell(&self, tell: impl FnOnce(&ChangeSender)) {
        if self.0.own_changes.is_heard() {
            tell(&self.0.own_changes);
        }
    }

    /// Refuses to open anything from now on, or allows it again. Open entries stay open until
    /// [`end_all`](Self::end_all), which calls wakers, so that no lock may be held there.
    pub(crate) fn set_closed(&self, is_closed: bool) {
        self.0.set_closed(is_closed);
    }

    /// Ends everything, because the provider does not decide any more.
    pub(crate) fn end_all(&self) {
        self.0.end_all();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set_closed(true);
        self.0.end_all();
    }
}

/// Makes sure that there is a task. The previous one may have ended with its runtime. Returns
/// `false` if there is none and none can be started, because this is not a runtime.
fn see_to_it(hub: &Arc<Hub>) -> bool {
    if hub.is_kept() {
        return true;
    }
    let Ok(runtime) = Handle::try_current() else { return false };
    if let Some(keeping) = hub.take_over() {
        runtime.spawn(keeper::keep(keeping));
    }
    true
}

/// Completes with the reason when the authority of a grant ends; created by
/// [`Granted::ended`](crate::Granted::ended).
///
/// It may be dropped, polled again after it has completed, and cloned: each clone completes. It
/// must be polled within a Tokio runtime; elsewhere nothing can watch the authority, and it
/// completes with [`EndReason::Unknown`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Ended {
    entry: Arc<Entry>,
    /// The hub with its entry; `None` if it was over from the beginning.
    hub: Option<Arc<Hub>>,
    /// The number of its waker, if it has been polled.
    number: Option<u32>,
}

impl Ended {
    /// A future that is complete already.
    pub(crate) fn over(reason: EndReason) -> Self {
        Self { entry: Arc::new(Entry::over(reason)), hub: None, number: None }
    }

    /// Returns the reason if the authority is known to be over now.
    #[must_use]
    pub fn is_ended(&self) -> Option<EndReason> {
        self.entry.reason()
    }
}

impl Future for Ended {
    type Output = EndReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<EndReason> {
        let Self { entry, hub, number } = &mut *self;
        let polled = entry.poll(number, context.waker());
        if polled.is_pending()
            && let Some(hub) = hub
            && !see_to_it(hub)
        {
            tracing::error!(
                target: "fauth",
                event = "ended_outside_of_runtime",
                "`Granted::ended` was polled outside of a Tokio runtime, so its end cannot be watched: poll it within a runtime"
            );
            return Poll::Ready(EndReason::Unknown);
        }
        polled
    }
}

impl Clone for Ended {
    fn clone(&self) -> Self {
        let (entry, hub) = (Arc::clone(&self.entry), self.hub.clone());
        entry.hold();
        Self { entry, hub, number: None }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.entry.leave(number);
        }
        if let Some(hub) = &self.hub
            && self.entry.let_go()
        {
            hub.release(&self.entry);
        }
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("reason", &self.is_ended()).finish_non_exhaustive()
    }
}
