//! What is told of mandates, to the sink and to the log.

use std::sync::atomic::Ordering;

use fauth_core::{Guard, Requirement, event::EventKind};
use fauth_testing::{Log, WireRequest};
use tracing::Level;

use crate::support::{DAY, Told, World, ZONE};

fn user() -> Requirement {
    Requirement::user()
}

/// Of a mandate with everything.
fn about(kind: EventKind, reason: Option<&'static str>) -> Told {
    let text = |text: &str| Some(text.to_owned());
    Told {
        kind,
        reason,
        subject: text("alice"),
        token_id: text("mandate_x"),
        mandate: Some([text("zone_prod"), text("app_1"), text("sid_1"), text("ags_1"), text("edge_1")]),
        zone: text(ZONE),
        anchors: Vec::new(),
        epoch: None,
    }
}

fn mandate(world: &World) -> String {
    world.delegated("alice").claim("jti", "mandate_x").sign()
}

#[tokio::test]
async fn refusals_of_a_verified_mandate_tell_its_claims() {
    let world = World::new();
    world.auth.warm_up().await.unwrap();
    let mandate = mandate(&world);
    world.events.take();
    world.pass(&mandate, &user().scopes(["x"])).await.unwrap_err();
    assert_eq!(world.events.take(), [about(EventKind::AccessDenied, Some("missing_scope"))]);
    world.pass(&mandate, &user().roles(["x"])).await.unwrap_err();
    assert_eq!(world.events.take(), [about(EventKind::AccessDenied, Some("missing_role"))]);
    world.pass(&mandate, &user().max_hops(0)).await.unwrap_err();
    assert_eq!(world.events.take(), [about(EventKind::AccessDenied, Some("hop_count_exceeded"))]);
    world.pass(&mandate, &user().mandate_use(fauth_core::token::MandateUse::Session)).await.unwrap_err();
    let told = world.events.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0], about(EventKind::MandateRefused, told[0].reason));

    world.auth.raise_delegation_epoch(1000, DAY).await.unwrap();
    world.events.take();
    world.enter(&mandate).await.unwrap_err();
    assert_eq!(world.events.take(), [about(EventKind::MandateRefused, Some("delegation_stale"))]);
    world.auth.revoke_mandate_anchors(&["ags_1"], DAY).await.unwrap();
    world.events.take();
    world.enter(&mandate).await.unwrap_err();
    assert_eq!(world.events.take(), [about(EventKind::MandateRefused, Some("mandate_revoked"))]);
}

/// Who reads the trail later sees what was taken back.
#[tokio::test]
async fn what_was_taken_back_is_told() {
    let world = World::new();
    let back =
        |anchors: &[String], epoch| (EventKind::Revoked, Some(ZONE.to_owned()), anchors.to_vec(), epoch);
    let told =
        || world.events.take().into_iter().map(|told| (told.kind, told.zone, told.anchors, told.epoch));
    world.auth.revoke_mandate_anchors(&["ags_1", "", "edge_1"], DAY).await.unwrap();
    assert!(told().eq([back(&["ags_1".into(), "edge_1".into()], None)]));
    world.auth.raise_delegation_epoch(7, DAY).await.unwrap();
    world.auth.raise_delegation_epoch(3, DAY).await.unwrap();
    assert!(told().eq([back(&[], Some(7)), back(&[], Some(7))]), "which epoch holds");
    // However many there are: none is left out, and no event is large.
    let many: Vec<_> = (0..70).map(|number| format!("ags_{number}")).collect();
    world
        .auth
        .revoke_mandate_anchors(&many.iter().map(String::as_str).collect::<Vec<_>>(), DAY)
        .await
        .unwrap();
    assert!(told().eq(many.chunks(32).map(|anchors| back(anchors, None))));
}

/// The log gets neither ids of sessions nor those of mandates; only sinks do.
#[tokio::test]
async fn no_session_is_named_in_the_log() {
    let log = Log::of_process();
    let world = World::new();
    world.events.wants_all.store(true, Ordering::SeqCst);
    let mandate = world
        .delegated("whose-sessions")
        .claim("client_id", "whose-actor")
        .claim("jti", "unlogged-mandate")
        .claim("sid", "unlogged-record")
        .claim("root_sid", "unlogged-root")
        .claim("agent_session_id", "unlogged-session")
        .claim("delegation_edge_id", "unlogged-edge")
        .sign();
    world.enter(&mandate).await.unwrap();
    world.pass(&mandate, &user().scopes(["x"])).await.unwrap_err();
    let anchors = ["unlogged-session", "unlogged-edge"];
    let before = log.with("revoked").len();
    world.auth.revoke_mandate_anchors(&anchors, DAY).await.unwrap();
    world.auth.raise_delegation_epoch(4_100_200_300, DAY).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), crate::support::REVOKED);
    let records = log.with("whose-sessions");
    assert_eq!(records.len(), 3, "accepted, denied, refused");
    for record in &records {
        assert_eq!((record.field("zone"), record.field("client_id")), (Some(ZONE), Some("whose-actor")));
    }
    let revoked = log.with("revoked");
    assert!(revoked.len() > before);
    let of = |field, value| {
        revoked.iter().any(|record| record.field(field) == Some(value) && record.field("zone") == Some(ZONE))
    };
    assert!(of("anchors", "2") && of("delegation_epoch", "4100200300"), "{revoked:?}");
    assert!(log.with("unlogged-").is_empty(), "{:?}", log.with("unlogged-"));
    let told = world.events.take();
    assert_eq!(told.iter().filter(|told| told.token_id.as_deref() == Some("unlogged-mandate")).count(), 3);
    assert!(told.iter().any(|told| told.anchors == anchors), "sinks get everything");
}

/// Nothing of what is not verified is told.
#[tokio::test]
async fn of_a_forged_mandate_nothing_is_told() {
    let world = World::new();
    world.auth.warm_up().await.unwrap();
    world.events.take();
    for token in [
        world.delegated("alice").forge(),
        world.delegated("alice").claim("zone_id", "zone_b").sign(),
        world.delegated("alice").claim("aud", "resource://other").sign(),
        world.delegated("alice").claim("hop_count", true).sign(),
    ] {
        let refused = world.enter(&token).await.unwrap_err();
        world.answer(&refused);
        let told = world.events.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (told[0].kind, &told[0].mandate, &told[0].subject),
            (EventKind::RequestRefused, &None, &None)
        );
    }
}

#[tokio::test]
async fn accepted_mandates_are_told_to_whoever_wants_that() {
    let world = World::new();
    world.auth.warm_up().await.unwrap();
    let mandate = mandate(&world);
    world.events.take();
    assert!(world.enter(&mandate).await.is_ok());
    assert_eq!(world.events.take(), [], "nobody wants it");
    world.events.wants_all.store(true, Ordering::SeqCst);
    let head = WireRequest::get("/").bearer(&mandate);
    let guard = Guard::new(&world.auth, user());
    let (granted, _) = guard.enter(guard.read(&head, None)).await.unwrap().into_parts();
    assert_eq!(world.events.take(), [about(EventKind::MandateAccepted, None)]);
    guard.enter(guard.read(&head, granted.as_ref())).await.unwrap();
    assert_eq!(world.events.take(), [], "once a request");
    world.pass(&mandate, &user().scopes(["x"])).await.unwrap_err();
    assert_eq!(world.events.kinds(), [EventKind::AccessDenied], "it was not accepted");
}

/// Whatever stands in claims cannot forge a line of the log.
#[tokio::test]
async fn claims_are_escaped_in_the_log() {
    let log = Log::of_process();
    let world = World::new();
    let evil = "log-forger\r\nevent=\u{1b}[31m";
    let mandate = world.delegated(evil).claim("client_id", evil);
    world.pass(&mandate.sign(), &user().scopes(["x"])).await.unwrap_err();
    let records = log.with("log-forger");
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((record.level, record.field("event")), (Level::INFO, Some("access_denied")));
    assert_eq!(record.field("zone"), Some(ZONE));
    for field in ["subject", "client_id"] {
        let value = record.field(field).unwrap();
        assert!(value.starts_with("log-forger"), "{value}");
        assert!(!value.contains(['\r', '\n', '\u{1b}']), "{value:?}");
    }
}

#[tokio::test]
async fn no_mandate_stands_in_the_log() {
    let log = Log::of_process();
    let world = World::new();
    world.events.wants_all.store(true, Ordering::SeqCst);
    let mandate = world.delegated("once-in-the-log").sign();
    world.enter(&mandate).await.unwrap();
    world.pass(&mandate, &user().scopes(["x"])).await.unwrap_err();
    assert_eq!(log.with("once-in-the-log").len(), 2, "one accepted, one denied");
    for part in mandate.split('.') {
        assert!(log.with(part).is_empty());
    }
}

/// That revocations are forgotten with the process is said when it is built.
#[test]
fn a_store_in_memory_is_told_at_the_start() {
    let log = Log::of_process();
    let before = log.with("mandates_in_memory").len();
    let world = World::new();
    let records = log.with("mandates_in_memory");
    assert!(records.len() > before);
    assert!(records.iter().all(|record| record.level == Level::WARN));
    assert!(records[0].field("message").unwrap().contains("RedisAnchorStore"));
    drop(world);
}
