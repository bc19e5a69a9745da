//! Mandates that are good once.

use std::sync::Arc;

use fauth_core::{Guard, Rejection, Requirement, rejection::Unavailable, store::AnchorStore as _};
use fauth_testing::{Fault, MandateIssuer, WireRequest};

use crate::support::{DAY, ISSUER, REVOKED, SECOND, SPENT, World, ZONE};

fn user() -> Requirement {
    Requirement::user()
}

fn once() -> World {
    // Their keys never grow old, while the clock jumps.
    World::of(|mandates| mandates.single_use().keys(MandateIssuer::new(ISSUER, ZONE).keys()))
}

#[tokio::test]
async fn a_mandate_is_good_once_where_that_was_said() {
    let world = once();
    let mandate = world.mandate("alice").sign();
    assert!(world.enter(&mandate).await.is_ok());
    for _ in 0..3 {
        let refused = world.enter(&mandate).await.unwrap_err();
        assert_eq!(refused, SPENT);
        let answer = world.answer(&refused);
        assert_eq!((answer.status, answer.json()["error"].clone()), (401, "invalid_token".into()));
    }
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok(), "another one of the same user");
    let often = World::new();
    let mandate = often.mandate("alice").sign();
    assert!(often.enter(&mandate).await.is_ok() && often.enter(&mandate).await.is_ok());
    assert!(!often.anchors.calls().contains(&"spend"));
}

/// A request has several guards and extractors, and spends its mandate once.
#[tokio::test]
async fn a_request_spends_its_mandate_once() {
    let world = once();
    let head = WireRequest::get("/").bearer(&world.delegated("alice").sign());
    let outer = Guard::new(&world.auth, user());
    let inner = Guard::new(&world.auth, user().delegation());
    let (granted, _) = outer.enter(outer.read(&head, None)).await.unwrap().into_parts();
    let granted = granted.unwrap();
    let (again, _) = inner.enter(inner.read(&head, Some(&granted))).await.unwrap().into_parts();
    assert!(again.unwrap().is_same(&granted));
    let extracted = world.auth.check_current(world.auth.read_again(&head, Some(&granted))).await.unwrap();
    assert!(extracted.is_same(&granted));
    assert!(world.auth.recheck(&granted).await.is_ok());
    assert_eq!(world.anchors.calls().iter().filter(|call| **call == "spend").count(), 1);
    // The inner guard still decides.
    let stricter = Guard::new(&world.auth, user().max_hops(0));
    assert_eq!(stricter.enter(stricter.read(&head, Some(&granted))).await.unwrap_err().status(), 403);
    // Another request with it is a replay.
    assert_eq!(outer.enter(outer.read(&head, None)).await.unwrap_err(), SPENT);
}

#[tokio::test]
async fn what_is_refused_is_not_spent() {
    let world = once();
    let mandate = world.delegated("alice").sign();
    for asked in [user().scopes(["x"]), user().roles(["x"]), user().max_hops(0), user().targets(["x"])] {
        assert_eq!(world.pass(&mandate, &asked).await.unwrap_err().status(), 403);
    }
    world.anchors.fault_at("check_anchors", Fault::Fails);
    assert_eq!(world.enter(&mandate).await.unwrap_err().status(), 503);
    world.anchors.recover();
    assert!(!world.anchors.calls().contains(&"spend"));
    assert!(world.enter(&mandate).await.is_ok());
    world.auth.revoke_mandate_anchors(&["alice"], DAY).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), REVOKED, "that is said first");
}

/// Whether it was noted is not known: the request is refused, and the mandate may be spent.
#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_note_it_lets_nobody_in() {
    let world = World::with(fauth_core::MandateAuthBuilder::single_use, |provider| {
        provider.store_timeout(2 * SECOND)
    });
    for (fault, why) in [
        (Fault::Fails, Unavailable::Store),
        (Fault::FailsLate, Unavailable::Store),
        (Fault::Hangs, Unavailable::StoreTimeout),
        (Fault::HangsLate, Unavailable::StoreTimeout),
    ] {
        let mandate = world.mandate("alice").sign();
        world.anchors.fault_at("spend", fault);
        assert_eq!(world.enter(&mandate).await.unwrap_err(), Rejection::Unavailable(why));
        world.anchors.recover();
        let again = world.enter(&mandate).await;
        if fault.is_late() {
            assert_eq!(again.unwrap_err(), SPENT);
        } else {
            assert!(again.is_ok(), "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_at_once_one_is_let_in() {
    let world = Arc::new(once());
    world.auth.warm_up().await.unwrap();
    for _ in 0..10 {
        let mandate: Arc<str> = world.mandate("alice").sign().into();
        let calls = (0..16).map(|_| {
            let (world, mandate) = (Arc::clone(&world), Arc::clone(&mandate));
            tokio::spawn(async move { world.enter(&mandate).await.is_ok() })
        });
        let calls: Vec<_> = calls.collect();
        let mut let_in = 0;
        for call in calls {
            let_in += usize::from(call.await.unwrap());
        }
        assert_eq!(let_in, 1);
    }
}

/// It is remembered for as long as the mandate could be shown, its minute of leeway included.
#[tokio::test]
async fn it_is_remembered_until_the_mandate_is_over() {
    let world = once();
    let mandate = world.mandate("alice").sign();
    assert!(world.enter(&mandate).await.is_ok());
    for seconds in [1, 898, 60] {
        world.clock.advance(seconds * SECOND);
        assert_eq!(world.enter(&mandate).await.unwrap_err(), SPENT, "{seconds}");
    }
    world.clock.advance(60 * SECOND);
    let refused = world.enter(&mandate).await.unwrap_err();
    assert_eq!(refused, crate::support::EXPIRED);
}

/// The id of a mandate is its zone's: another zone on the same store spends nothing of it.
#[tokio::test]
async fn zones_spend_nothing_of_each_other() {
    let world = once();
    let issuer = MandateIssuer::new(ISSUER, "zone_b");
    let other = fauth_core::MandateAuth::builder()
        .issuer(ISSUER)
        .zone("zone_b")
        .audience(fauth_testing::MANDATE_AUDIENCE)
        .keys(issuer.keys())
        .revocations(world.anchors.clone())
        .single_use()
        .provider()
        .unwrap()
        .clock(world.clock.clone())
        .build()
        .unwrap();
    let mandate = world.mandate("alice").claim("jti", "one").sign();
    let of_other = issuer.mandate("alice", world.now()).claim("jti", "one").sign();
    let head = WireRequest::get("/").bearer(&of_other);
    assert!(world.enter(&mandate).await.is_ok());
    assert!(other.check(other.read(&head), &user()).await.is_ok());
    assert_eq!(other.check(other.read(&head), &user()).await.unwrap_err(), SPENT);
    // Ids are nobody's anchors: one that is spent is not revoked.
    assert!(!world.anchors.check("zone_b", &["one"]).await.unwrap().is_revoked);
}
