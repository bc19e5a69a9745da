//! Details of the request for the events of a mandate.

use crate::{client::ClientInfo, event::Event, trace_context::TraceContext};

/// The client and the trace of a request, kept if an event sink reads them.
pub(super) struct Seen {
    pub(super) client: ClientInfo,
    pub(super) trace: Option<TraceContext>,
}

/// Adds what was kept of the request.
pub(super) fn about<'a>(event: Event<'a>, seen: Option<&'a Seen>) -> Event<'a> {
    match seen {
        None => event,
        Some(seen) => Event { trace: seen.trace.as_ref(), ..event.client(&seen.client) },
    }
}
