//! Many sockets on a store of anchors that takes its time: it is asked about each by itself.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    Principal, async_trait,
    ended::{EndReason, Ended},
    store::{AnchorState, AnchorStore, ChangeSender, Changes, MemoryAnchorStore, StoreError},
};
use fauth_testing::{ForeignToken, MandateIssuer, ManualClock};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{DAY, SECOND, World, ZONE};

const MANY: usize = 1000;

/// Takes so long for each question.
#[derive(Clone)]
struct Slow {
    store: MemoryAnchorStore,
    delay: Arc<std::sync::Mutex<Duration>>,
    /// What it tells of changes, if it does.
    changes: Option<ChangeSender>,
}

impl Slow {
    fn new(clock: &ManualClock, changes: Option<ChangeSender>) -> Self {
        let store = MemoryAnchorStore::builder().clock(clock.clone()).build();
        Self { store, delay: Arc::default(), changes }
    }

    fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    async fn pause(&self) {
        let delay = *self.delay.lock().unwrap();
        sleep(delay).await;
    }

    /// Another instance revokes it.
    async fn revoke_elsewhere(&self, anchor: &str) {
        self.store.revoke(&[anchor], DAY).await.unwrap();
        self.tell(anchor);
    }

    fn tell(&self, name: &str) {
        if let Some(changes) = &self.changes {
            changes.tell(name.as_bytes());
        }
    }
}

#[async_trait]
impl AnchorStore for Slow {
    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError> {
        // The answer is what was true when it was asked, and comes late.
        let state = self.store.check(zone, anchors).await;
        self.pause().await;
        state
    }

    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError> {
        self.store.revoke(anchors, lasting).await
    }

    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError> {
        self.store.raise_epoch(zone, epoch, lasting).await
    }

    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError> {
        self.store.spend(id, lasting).await
    }

    fn changes(&self) -> Option<Changes> {
        self.changes.as_ref().map(ChangeSender::subscribe)
    }
}

fn world(changes: Option<ChangeSender>) -> (World, Slow) {
    let clock = ManualClock::new();
    let store = Slow::new(&clock, changes);
    let kept = store.clone();
    (World::on(clock, |mandates| mandates.revocations(kept), |provider| provider), store)
}

async fn open(world: &World<Principal>, mandate: ForeignToken, count: usize) -> Vec<Ended> {
    let mandate = mandate.sign();
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        sockets.push(world.enter(&mandate).await.unwrap().ended());
    }
    sockets
}

/// Of an authority record of its own.
fn own(mandate: ForeignToken) -> ForeignToken {
    mandate.claim("sid", "sid_9").claim("root_sid", "root_9").claim("client_id", "app_9")
}

/// Opens many, and one of its own after half of them, with nothing left to be asked.
async fn crowd(world: &World, store: &Slow) -> (Vec<Ended>, Ended) {
    let mut others = open(world, world.delegated("alice"), MANY / 2).await;
    let mine = open(world, own(world.mandate("bob")), 1).await.remove(0);
    others.extend(open(world, world.delegated("alice"), MANY / 2).await);
    sleep(SECOND).await;
    store.takes(Duration::from_millis(5));
    (others, mine)
}

#[track_caller]
fn all_stay(sockets: &[Ended], why: &str) {
    assert!(sockets.iter().all(|ended| ended.is_ended().is_none()), "{why}");
}

#[tokio::test(start_paused = true)]
async fn what_is_told_to_be_revoked_ends_at_once_though_everybody_is_being_asked_about() {
    let changes = ChangeSender::new();
    let (world, store) = world(Some(changes.clone()));
    let (others, mine) = crowd(&world, &store).await;
    changes.tell_all();
    sleep(Duration::from_millis(3)).await;
    store.revoke_elsewhere("sid_9").await;
    let found = timeout(SECOND / 10, mine).await;
    assert_eq!(found.ok(), Some(EndReason::Revoked));
    sleep(90 * SECOND).await;
    all_stay(&others, "nobody has revoked them");
}

/// As those who open one after the other do.
#[tokio::test(start_paused = true)]
async fn a_slow_question_about_everybody_delays_nothing_that_is_told() {
    let changes = ChangeSender::new();
    let (world, store) = world(Some(changes.clone()));
    let (others, mine) = crowd(&world, &store).await;
    store.takes(4 * SECOND);
    changes.tell_all();
    sleep(SECOND).await;
    store.takes(Duration::from_millis(5));
    store.revoke_elsewhere("sid_9").await;
    assert_eq!(timeout(SECOND / 10, mine).await.ok(), Some(EndReason::Revoked));
    all_stay(&others, "nobody has revoked them");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_rises_ends_a_thousand_within_a_second() {
    let changes = ChangeSender::new();
    let (world, store) = world(Some(changes.clone()));
    let (others, mine) = crowd(&world, &store).await;
    store.store.raise_epoch(ZONE, MandateIssuer::EPOCH + 1, DAY).await.unwrap();
    let start = Instant::now();
    store.tell(ZONE);
    for ended in others {
        let found = timeout(SECOND, ended).await;
        assert_eq!(found.ok(), Some(EndReason::Revoked), "after {:?}", start.elapsed());
    }
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    assert_eq!(mine.is_ended(), None, "it was not delegated");
}

/// Those who were asked about are told before all of the others were.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_tell_is_asked_about_a_thousand_within_a_second() {
    let (world, store) = world(None);
    let (others, mine) = crowd(&world, &store).await;
    store.revoke_elsewhere("sid_9").await;
    assert_eq!(timeout(6 * SECOND, mine).await.ok(), Some(EndReason::Revoked));
    all_stay(&others, "nobody has revoked them");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_and_answers_ends_nobody_who_is_good() {
    for changes in [None, Some(ChangeSender::new())] {
        let (world, store) = world(changes);
        let (others, mine) = crowd(&world, &store).await;
        store.takes(3 * SECOND);
        sleep(400 * SECOND).await;
        all_stay(&others, "it answers");
        store.revoke_elsewhere("sid_9").await;
        assert_eq!(timeout(200 * SECOND, mine).await.ok(), Some(EndReason::Revoked));
        all_stay(&others, "it still does");
    }
}
