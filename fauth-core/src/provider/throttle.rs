//! The login throttle of a provider.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    store::{MemoryThrottles, ThrottleStore},
    throttle::Rules,
};

/// The rules of the throttle, and where it counts.
pub(super) struct Throttle {
    pub(super) rules: Rules,
    pub(super) store: Option<Arc<dyn ThrottleStore>>,
    /// The records of this process.
    here: MemoryThrottles,
    /// The records of the switch in which the provider is set.
    of_switch: OnceLock<MemoryThrottles>,
    has_reported_unknown: AtomicBool,
}

impl Throttle {
    pub(super) fn new(rules: Rules, store: Option<Arc<dyn ThrottleStore>>) -> Self {
        Self {
            rules,
            store,
            here: MemoryThrottles::new(),
            of_switch: OnceLock::new(),
            has_reported_unknown: AtomicBool::new(false),
        }
    }

    pub(super) fn here(&self) -> &MemoryThrottles {
        self.of_switch.get().unwrap_or(&self.here)
    }

    /// Shares records with all providers that are set in this switch. The first switch wins.
    pub(super) fn count_with(&self, records: &MemoryThrottles) {
        self.of_switch.get_or_init(|| records.clone());
    }

    /// Logs once that there are clients whose address is unknown.
    pub(super) fn report_unknown_address(&self) {
        if !self.has_reported_unknown.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "fauth",
                event = "address_unknown",
                "the login throttle does not know the address of a client: all such clients are counted \
                 as one; let the server pass on the address of the socket, and pass the `ClientInfo` of the \
                 request",
            );
        }
    }
}
