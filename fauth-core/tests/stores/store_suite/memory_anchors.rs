//! The store suite on what ends mandates, in memory; and what only the memory is asked.

use std::time::Duration;

use fauth_core::store::{AnchorState, AnchorStore as _, Change, ChangeSender, MemoryAnchorStore};
use fauth_testing::{ManualClock, store_suite::StoreHarness};

struct Anchors;

impl StoreHarness for Anchors {
    type Store = MemoryAnchorStore;

    async fn open() -> MemoryAnchorStore {
        MemoryAnchorStore::new()
    }

    async fn again(store: &MemoryAnchorStore) -> MemoryAnchorStore {
        store.clone()
    }
}

fauth_testing::anchor_store_suite!(Anchors);

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn entries_end_by_the_clock_of_the_store() {
    let clock = ManualClock::new();
    let store = MemoryAnchorStore::builder().clock(clock.clone()).build();
    store.revoke(&["a"], MINUTE).await.unwrap();
    store.raise_epoch("zone", 3, MINUTE).await.unwrap();
    assert!(store.spend("id", MINUTE).await.unwrap());
    clock.advance(Duration::from_secs(59));
    assert_eq!(store.check("zone", &["a"]).await.unwrap(), AnchorState::new(true, 3));
    assert!(!store.spend("id", MINUTE).await.unwrap());
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.check("zone", &["a"]).await.unwrap(), AnchorState::new(false, 0));
    assert!(store.spend("id", MINUTE).await.unwrap());
}

#[tokio::test]
async fn what_changes_is_told_when_it_can_be_seen() {
    let store = MemoryAnchorStore::new();
    let mut changes = store.changes().unwrap();
    store.revoke(&["", "a", "b"], MINUTE).await.unwrap();
    store.raise_epoch("zone", 3, MINUTE).await.unwrap();
    store.revoke(&["c"], Duration::ZERO).await.unwrap_err();
    assert!(store.spend("id", MINUTE).await.unwrap(), "ends nothing of others");
    for key in [&b"a"[..], b"b", b"zone"] {
        assert_eq!(changes.next().await, Some(Change::Key(ChangeSender::hash(key))));
    }
    drop(store);
    assert_eq!(changes.next().await, None);
}

#[tokio::test]
async fn without_the_time_it_answers_nothing() {
    let clock = ManualClock::new();
    let store = MemoryAnchorStore::builder().clock(clock.clone()).build();
    store.revoke(&["a"], MINUTE).await.unwrap();
    clock.break_down();
    assert!(store.check("zone", &["b"]).await.is_err());
    assert!(store.revoke(&["b"], MINUTE).await.is_err());
    assert!(store.raise_epoch("zone", 1, MINUTE).await.is_err());
    assert!(store.spend("id", MINUTE).await.is_err());
}

/// Full, it refuses what is new, and forgets nothing. What has ended makes room.
#[tokio::test]
async fn each_kind_is_bounded_by_itself() {
    let clock = ManualClock::new();
    let store = MemoryAnchorStore::builder().clock(clock.clone()).anchors(10).zones(2).spent(10).build();
    for number in 0..100 {
        let name = &*number.to_string();
        assert_eq!(store.revoke(&[name], MINUTE).await.is_ok(), number < 10, "{number}");
        assert_eq!(store.raise_epoch(name, 1, MINUTE).await.is_ok(), number < 2, "{number}");
        assert_eq!(store.spend(name, MINUTE).await.is_ok(), number < 10, "{number}");
    }
    assert_eq!(store.entries(), 22);
    for number in 0..10 {
        let name = &*number.to_string();
        assert!(store.check("0", &[name]).await.unwrap().is_revoked);
        store.revoke(&[name], 2 * MINUTE).await.unwrap();
    }
    assert_eq!(store.raise_epoch("1", 5, MINUTE).await.unwrap(), 5, "no new entry");
    clock.advance(2 * MINUTE);
    store.revoke(&["new"], MINUTE).await.unwrap();
    assert!(store.spend("new", MINUTE).await.unwrap());
    assert!(store.entries() <= 22, "{store:?}");
    assert!(store.check("0", &["new"]).await.unwrap().is_revoked);
}

#[tokio::test]
async fn a_flood_that_ends_leaves_nothing_behind() {
    let clock = ManualClock::new();
    let store = MemoryAnchorStore::builder().clock(clock.clone()).build();
    for number in 0..20_000 {
        store.spend(&format!("id {number}"), MINUTE).await.unwrap();
    }
    clock.advance(Duration::from_secs(2 * 60 * 60));
    for number in 0..20_000 {
        store.spend(&format!("another {number}"), MINUTE).await.unwrap();
    }
    assert!(store.entries() < 20_100, "{store:?}");
}
