//! The store suite on the counters of rate limits in memory.

use fauth_core::store::MemoryLimits;
use fauth_testing::store_suite::StoreHarness;

struct Counters;

impl StoreHarness for Counters {
    type Store = MemoryLimits;

    async fn open() -> MemoryLimits {
        MemoryLimits::with_counters(1 << 12)
    }

    async fn again(store: &MemoryLimits) -> MemoryLimits {
        store.clone()
    }
}

fauth_testing::store_suite!(Counters: limits);
