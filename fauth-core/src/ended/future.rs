//! The future that completes when an authority ends, and what a provider holds for it.

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

/// What a provider holds. Everything ends when this is dropped with it.
pub(crate) struct Open(Arc<Hub>);

impl Open {
    pub(crate) fn new(intervals: Intervals) -> Self {
        Self(Arc::new(Hub::new(intervals)))
    }

    /// Keeps the authority of a grant until it ends, or nobody waits for that any more.
    pub(crate) fn keep(
        &self,
        payload: &Arc<TokenPayload>,
        asker: impl FnOnce() -> Weak<dyn Asker>,
        facts: impl FnOnce() -> Facts,
    ) -> Ended {
        let hub = &self.0;
        hub.asker.get_or_init(asker);
        // The facts are found out without the lock.
        let Some(entry) = hub.find(payload).or_else(|| hub.begin(facts())) else {
            return Ended::over(EndReason::ProviderGone);
        };
        let ended = Ended { entry, hub: Some(Arc::clone(hub)), number: None };
        see_to_it(hub);
        ended
    }

    /// Something about a key has changed, by an act of this provider. The key is made only if
    /// anybody listens.
    pub(crate) fn tell(&self, tell: impl FnOnce(&ChangeSender)) {
        if self.0.own_changes.is_heard() {
            tell(&self.0.own_changes);
        }
    }

    /// Opens nothing from now on, or does again. What is open stays open until
    /// [`end_all`](Self::end_all), which wakes whoever waits, so that no lock may be held there.
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

/// Sees to it that there is a task. It may have ended with the runtime that it was of. `false` if
/// there is none and cannot be, because this is no runtime.
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

/// Completes when the authority of a grant ends, with the reason; made by
/// [`Granted::ended`](crate::Granted::ended).
///
/// It may be dropped, polled again after it has completed, and cloned: each clone completes. It has
/// to be polled within a Tokio runtime; elsewhere nobody can look, and it completes with
/// [`EndReason::Unknown`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Ended {
    entry: Arc<Entry>,
    /// Where it is kept; `None` if it was over from the beginning.
    hub: Option<Arc<Hub>>,
    /// Who waits, if it has waited.
    number: Option<u32>,
}

impl Ended {
    /// What is over already.
    pub(crate) fn over(reason: EndReason) -> Self {
        Self { entry: Arc::new(Entry::over(reason)), hub: None, number: None }
    }

    /// Why it is over, if it is, as far as is known now.
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
                "`Granted::ended` was polled outside of a Tokio runtime, where nobody can look whether it has ended"
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
