//! What was opened with a mandate ends with it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use fauth_core::{
    AuthUser, Principal,
    ended::{EndReason, Ended},
    store::{AnchorStore as _, MemoryAnchorStore},
};
use fauth_testing::{Fault, ForeignToken, MandateIssuer};
use tokio::time::{sleep, timeout};

use crate::support::{DAY, SECOND, World, ZONE};

async fn open(world: &World, mandate: ForeignToken) -> Ended {
    world.enter(&mandate.sign()).await.unwrap().ended()
}

/// Why it is over, if it is within this time.
async fn within(ended: &Ended, limit: Duration) -> Option<EndReason> {
    timeout(limit, ended.clone()).await.ok()
}

/// Of another authority record, by another actor.
fn unrelated(world: &World) -> ForeignToken {
    world.mandate("bob").claim("sid", "sid_2").claim("root_sid", "root_2").claim("client_id", "app_2")
}

#[tokio::test(start_paused = true)]
async fn each_anchor_that_is_revoked_ends_what_rests_on_it_at_once_and_nothing_else() {
    for anchor in ["sid_1", "root_1", "ags_1", "edge_1", "mandate_x", "alice", "app_1"] {
        let world = World::new();
        let mine = open(&world, world.delegated("alice").claim("jti", "mandate_x")).await;
        let other = open(&world, unrelated(&world)).await;
        sleep(SECOND / 10).await;
        world.auth.revoke_mandate_anchors(&["ags_0", "nobody"], DAY).await.unwrap();
        assert_eq!(within(&mine, SECOND / 10).await, None, "{anchor}: these are no anchors of it");
        world.auth.revoke_mandate_anchors(&[anchor], DAY).await.unwrap();
        assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked), "{anchor}");
        assert_eq!(within(&other, 90 * SECOND).await, None, "{anchor}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_rises_ends_what_was_delegated_before_and_nothing_else() {
    let world = World::new();
    let delegated = open(&world, world.delegated("alice")).await;
    let direct = open(&world, world.mandate("alice")).await;
    let later = world.delegated("alice").claim("delegation_graph_epoch", MandateIssuer::EPOCH + 9);
    let later = open(&world, later).await;
    sleep(SECOND / 10).await;
    world.auth.raise_delegation_epoch(MandateIssuer::EPOCH, DAY).await.unwrap();
    assert_eq!(within(&delegated, SECOND).await, None, "it is of this epoch");
    world.auth.raise_delegation_epoch(MandateIssuer::EPOCH + 1, DAY).await.unwrap();
    assert_eq!(within(&delegated, SECOND / 10).await, Some(EndReason::Revoked));
    for ended in [direct, later] {
        assert_eq!(within(&ended, 90 * SECOND).await, None);
    }
}

/// The store does not tell, and is asked every five seconds.
#[tokio::test(start_paused = true)]
async fn what_is_revoked_elsewhere_is_found_at_the_next_poll() {
    let world = World::new();
    let (mine, other) = (open(&world, world.mandate("alice")).await, open(&world, unrelated(&world)).await);
    let delegated = world.delegated("carol").claim("sid", "sid_3").claim("root_sid", "root_3");
    let delegated = open(&world, delegated.claim("client_id", "app_3")).await;
    sleep(SECOND).await;
    world.anchors.inner().revoke(&["sid_1"], DAY).await.unwrap();
    assert_eq!(within(&mine, 6 * SECOND).await, Some(EndReason::Revoked));
    assert_eq!(delegated.is_ended(), None);
    world.anchors.inner().raise_epoch(ZONE, MandateIssuer::EPOCH + 1, DAY).await.unwrap();
    assert_eq!(within(&delegated, 6 * SECOND).await, Some(EndReason::Revoked));
    assert_eq!(within(&other, 60 * SECOND).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_revoked_elsewhere_ends_at_once_where_the_store_tells() {
    let clock = fauth_testing::ManualClock::new();
    let anchors = MemoryAnchorStore::builder().clock(clock.clone()).build();
    let store = anchors.clone();
    let world = World::on(clock, |mandates| mandates.revocations(store), |provider| provider);
    let (mine, other) = (open(&world, world.mandate("alice")).await, open(&world, unrelated(&world)).await);
    let delegated = world.delegated("carol").claim("sid", "sid_3").claim("root_sid", "root_3");
    let delegated = open(&world, delegated.claim("client_id", "app_3")).await;
    sleep(SECOND / 10).await;
    anchors.revoke(&["sid_1"], DAY).await.unwrap();
    assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked));
    anchors.raise_epoch(ZONE, MandateIssuer::EPOCH + 1, DAY).await.unwrap();
    assert_eq!(within(&delegated, SECOND / 10).await, Some(EndReason::Revoked));
    assert_eq!(within(&other, 60 * SECOND).await, None);
}

/// A loader may go by the actor, and two actors act for one subject.
#[tokio::test(start_paused = true)]
async fn each_is_judged_by_its_own_user() {
    struct Agent(bool);

    impl AuthUser for Agent {
        fn subject(&self) -> impl AsRef<str> {
            "agent"
        }

        fn is_active(&self) -> bool {
            self.0
        }
    }

    for disabled in ["app_1", "app_2"] {
        let is_disabled = Arc::new(AtomicBool::new(false));
        let now = Arc::clone(&is_disabled);
        let load = move |principal: Arc<Principal>| {
            let is_active = principal.client_id() != disabled || !now.load(SeqCst);
            async move { Ok::<_, Infallible>(Some(Agent(is_active))) }
        };
        let world: World<Agent> = World::with(|mandates| mandates.user_loader(load), |provider| provider);
        let mut open = vec![];
        for client in ["app_1", "app_2", "app_1"] {
            let mandate = world.mandate("alice").claim("client_id", client).sign();
            open.push((client, world.enter(&mandate).await.unwrap().ended()));
        }
        is_disabled.store(true, SeqCst);
        sleep(61 * SECOND).await;
        for (client, ended) in &open {
            let expected = (*client == disabled).then_some(EndReason::UserInactive);
            assert_eq!(ended.is_ended(), expected, "{client} where {disabled} is disabled");
        }
    }
}

/// By the leeway of mandates, as for requests.
#[tokio::test(start_paused = true)]
async fn a_mandate_expires_for_sockets_when_it_does_for_requests() {
    let world = World::new();
    let mandate = world.mandate("alice");
    let ended = open(&world, mandate.clone()).await;
    let mut passed = 0;
    while world.enter(&mandate.sign()).await.is_ok() {
        assert_eq!(within(&ended, 2 * SECOND).await, None, "after {passed} seconds");
        world.clock.advance(10 * SECOND);
        passed += 10;
        assert!(passed < 10_000, "it never expires");
    }
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Expired), "after {passed} seconds");
}

#[tokio::test(start_paused = true)]
async fn a_store_of_anchors_that_fails_ends_everything_after_the_bound_and_nothing_before() {
    let world = World::new();
    let ended = open(&world, world.mandate("alice")).await;
    sleep(10 * SECOND).await;
    world.anchors.fault_at("check_anchors", Fault::Fails);
    assert_eq!(within(&ended, 55 * SECOND).await, None);
    assert_eq!(within(&ended, 20 * SECOND).await, Some(EndReason::Unknown));
}
