//! Where a provider counts requests: in its own memory, or in a store that instances share.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64},
};

use crate::store::{LimitStore, MemoryLimits};

/// What happens to requests behind a limit while the [limit
/// store](crate::AuthProviderBuilder::limit_store) fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way that is safe")]
pub enum WhenLimitStoreFails {
    /// Refuses them with 503. What is limited stays limited.
    #[default]
    Refuse,
    /// Each instance counts by itself meanwhile, so each admits as many requests as are allowed for
    /// all instances together. Requests do not wait for the store: for a second after a failure it
    /// is not asked.
    CountHere,
}

/// Counters in memory, created when they are needed.
pub(super) type SharedCounters = Arc<OnceLock<MemoryLimits>>;

/// Where requests are counted.
pub(super) struct Counters {
    pub(super) store: Option<Arc<dyn LimitStore>>,
    pub(super) when_store_fails: WhenLimitStoreFails,
    /// The counters of this process, created when they are needed.
    here: SharedCounters,
    /// The counters of the switch in which the provider is set.
    of_switch: OnceLock<SharedCounters>,
    /// Until when the store is not asked, in milliseconds.
    pub(super) distrusted_until: AtomicU64,
    pub(super) has_reported_unknown: AtomicBool,
}

impl Counters {
    pub(super) fn new(store: Option<Arc<dyn LimitStore>>, when_store_fails: WhenLimitStoreFails) -> Self {
        Self {
            store,
            when_store_fails,
            here: SharedCounters::default(),
            of_switch: OnceLock::new(),
            distrusted_until: AtomicU64::new(0),
            has_reported_unknown: AtomicBool::new(false),
        }
    }

    pub(super) fn here(&self) -> &MemoryLimits {
        self.of_switch.get().unwrap_or(&self.here).get_or_init(MemoryLimits::new)
    }

    /// Shares counters with all providers that are set in this switch. The first switch wins.
    pub(super) fn count_with(&self, counters: &SharedCounters) {
        self.of_switch.get_or_init(|| Arc::clone(counters));
    }
}

/// Distinguishes the counters of one limit from all others, for each kind of key.
#[derive(Debug, Clone)]
pub(crate) struct LimitScopes {
    pub(super) address: [u8; 32],
    pub(super) user: [u8; 32],
    pub(super) api_key: [u8; 32],
    pub(super) head: [u8; 32],
}
