//! The store with faults: it is a store like any other until a test wants a fault, and then it has
//! just that one.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use std::time::Duration;

use fauth_core::{AuthProvider, MemoryStore, Rejection, rejection::Unavailable};
use fauth_testing::{Fault, FaultyStore, ManualClock, TestUser, store_suite::StoreHarness};
use tokio::time::Instant;

struct Faultless;

impl StoreHarness for Faultless {
    type Store = FaultyStore;

    async fn open() -> FaultyStore {
        FaultyStore::new(MemoryStore::builder().clock(ManualClock::new()).build())
    }

    async fn again(store: &FaultyStore) -> FaultyStore {
        store.clone()
    }
}

fauth_testing::store_suite!(Faultless);

const TIMEOUT: Duration = Duration::from_secs(5);

fn provider() -> (AuthProvider<TestUser>, FaultyStore) {
    let store = FaultyStore::default();
    let auth = fauth_testing::provider().store(store.clone()).store_timeout(TIMEOUT).build().unwrap();
    (auth, store)
}

async fn sessions(auth: &AuthProvider<TestUser>) -> usize {
    auth.sessions("alice").await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn each_fault_fails_or_hangs_and_has_happened_or_not() {
    for fault in Fault::ALL {
        let (auth, store) = provider();
        store.fault_at("open", fault);
        let unavailable = match fault {
            Fault::Fails | Fault::FailsLate => Unavailable::Store,
            _ => Unavailable::StoreTimeout,
        };
        let refused = auth.login("alice").await.unwrap_err();
        assert_eq!(refused, Rejection::Unavailable(unavailable), "{fault:?}");
        store.recover();
        assert_eq!(sessions(&auth).await, usize::from(fault.is_late()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_may_have_one_call_or_every_one() {
    let (auth, store) = provider();
    store.fault_after(3, Fault::Fails);
    auth.login("alice").await.unwrap();
    assert_eq!(store.calls(), ["check", "epoch", "open"]);
    assert!(auth.sessions("alice").await.is_err());
    assert_eq!(sessions(&auth).await, 1);
    assert_eq!(store.calls(), ["list_sessions"; 2]);

    store.fault(Fault::Fails);
    assert!(auth.sessions("alice").await.is_err());
    assert!(auth.api_keys("alice").await.is_err());
    store.recover();
    assert_eq!(sessions(&auth).await, 1);
    store.calls();
    assert_eq!(auth.api_keys("alice").await, Ok(vec![]));
    assert_eq!(store.calls(), ["list_keys"]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_exact() {
    let (auth, store) = provider();
    let began = Instant::now();
    store.delay(TIMEOUT / 5);
    assert_eq!(sessions(&auth).await, 0);
    assert_eq!(began.elapsed(), TIMEOUT / 5);
}

#[test]
#[should_panic(expected = "no such call: insert")]
fn a_mistyped_method_is_noticed() {
    FaultyStore::default().fault_at("insert", Fault::Fails);
}
