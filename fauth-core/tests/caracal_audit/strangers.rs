//! What strangers send costs the others nothing.

use fauth_core::Requirement;
use servers::Folder;

use super::{
    raised::{World, kinds, now},
    *,
};

const ACCEPTED: (&str, &str) = ("fauth.mandate_accepted", "allow");

/// Requests with a credential that does not verify, as anybody can send them.
async fn flood(world: &World, count: usize) {
    for _ in 0..count {
        assert!(!world.request(Some("not.a.token"), &Requirement::user()).await);
    }
}

async fn accept(world: &World, count: usize) {
    let mandate = world.issuer.mandate("user_1", now()).sign();
    for _ in 0..count {
        assert!(world.request(Some(&mandate), &Requirement::user()).await);
    }
}

#[tokio::test]
async fn a_credential_that_does_not_verify_is_not_written() {
    let world = World::new(|audit| audit);
    flood(&world, 50).await;
    accept(&world, 1).await;
    assert_eq!(kinds(&world.written().await), [ACCEPTED]);
}

/// Redis is away, and the folder takes little.
async fn nobody_is_displaced(set: impl FnOnce(AuditStreamBuilder) -> AuditStreamBuilder) {
    let folder = Folder::new("audit");
    let mut world = World::new(|audit| set(audit.spill_to(folder.path()).spill_limits(2, 1 << 20)));
    world.server.kill();
    for _ in 0..3 {
        flood(&world, 6000).await;
        tokio::time::sleep(ms(300)).await;
    }
    accept(&world, 20).await;
    assert_eq!(world.audit.counters().dropped, 0);
    world.server = restarted(world.server).await;
    until(&world.audit, "written", |counters| counters.written == 20).await;
    let written = world.written().await;
    assert_eq!(kinds(&written).iter().filter(|kind| **kind == ACCEPTED).count(), 20);
}

#[tokio::test]
async fn a_flood_during_an_outage_displaces_no_mandate() {
    nobody_is_displaced(|audit| audit).await;
    nobody_is_displaced(AuditStreamBuilder::include_unverified).await;
    // Whoever wants to have everything does not get it by mistake.
    nobody_is_displaced(|audit| audit.select(|_| true)).await;
}

#[tokio::test]
async fn those_that_are_let_in_have_a_small_share() {
    let mut world = World::new(AuditStreamBuilder::include_unverified);
    flood(&world, 1000).await;
    accept(&world, 1).await;
    let counters = world.audit.unverified_counters();
    // Twice the share if a minute ends meanwhile.
    assert!((60..=120).contains(&counters.queued), "{counters:?}");
    assert_eq!(counters.queued + counters.dropped, 1000);
    let written = world.written().await;
    let refused = written.iter().filter(|(kind, ..)| kind == "fauth.request_refused");
    assert_eq!(refused.count(), usize::try_from(counters.queued).unwrap());
    assert_eq!(written.len(), usize::try_from(counters.queued).unwrap() + 1);
    assert_eq!((world.audit.counters().queued, world.audit.counters().dropped), (1, 0));

    // And nobody waits for them at the end.
    world = World::new(AuditStreamBuilder::include_unverified);
    world.server.kill();
    flood(&world, 10).await;
    assert_eq!(world.audit.shutdown().await.dropped, 0);
    assert_eq!(world.audit.unverified_counters().dropped, 10);
}

#[tokio::test]
async fn they_get_no_files() {
    let folder = Folder::new("audit");
    let mut world = World::new(|audit| audit.spill_to(folder.path()).include_unverified());
    world.server.kill();
    flood(&world, 10).await;
    tokio::time::sleep(ms(500)).await;
    assert_eq!(files(folder.path()), Vec::<String>::new());
    accept(&world, 1).await;
    until(&world.audit, "spilled", |counters| counters.spilled == 1).await;
    assert_eq!(world.audit.unverified_counters().spilled, 0);
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_counted() {
    let world = World::new(|audit| audit);
    flood(&world, 3).await;
    world.audit.shutdown().await;
    assert_eq!((world.audit.counters(), world.audit.unverified_counters()), Default::default());
}
