//! The store suite on the memory store.

use fauth_core::MemoryStore;
use fauth_testing::{ManualClock, store_suite::StoreHarness};

struct Memory;

impl StoreHarness for Memory {
    type Store = MemoryStore;

    async fn open() -> MemoryStore {
        MemoryStore::builder().clock(ManualClock::new()).build()
    }

    async fn again(store: &MemoryStore) -> MemoryStore {
        store.clone()
    }
}

fauth_testing::store_suite!(Memory);
fauth_testing::store_suite!(Memory: throttles);
fauth_testing::store_race!(Memory);
