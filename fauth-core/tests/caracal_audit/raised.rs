//! What a provider of mandates raises, as it stands in the stream.

use fauth_core::{
    AuthProvider, MandateAuth, Principal, Requirement,
    clock::{Clock as _, SystemClock, Timestamp},
    event::{Event, EventKind},
    store::{AnchorStore as _, MemoryAnchorStore},
};
use fauth_testing::{MANDATE_AUDIENCE, MandateIssuer, WireRequest};
use serde_json::json;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub(super) struct World {
    pub(super) server: Redis,
    pub(super) audit: AuditStream,
    pub(super) issuer: MandateIssuer,
    anchors: MemoryAnchorStore,
    auth: AuthProvider<Principal>,
}

impl World {
    pub(super) fn new(set: impl FnOnce(AuditStreamBuilder) -> AuditStreamBuilder) -> Self {
        let server = Redis::start();
        let audit = set(builder(&server.url())).start().unwrap();
        let issuer = MandateIssuer::new("https://sts.example.com", "zone_prod");
        let anchors = MemoryAnchorStore::new();
        let auth = MandateAuth::builder()
            .issuer(issuer.issuer())
            .zone(issuer.zone())
            .audience(MANDATE_AUDIENCE)
            .keys(issuer.keys())
            .revocations(anchors.clone())
            .provider()
            .unwrap()
            .events(audit.clone())
            .build()
            .unwrap();
        Self { server, audit, issuer, anchors, auth }
    }

    /// One request from its beginning to its end.
    pub(super) async fn request(&self, token: Option<&str>, requirement: &Requirement) -> bool {
        let head = WireRequest::post("/payouts/create?a=b").from_peer([192, 0, 2, 7]);
        let head = head.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        let head = head.header("baggage", "caracal.agent_session=said,caracal.hop=3,tenant=x");
        let head = token.iter().fold(head, |head, token| head.bearer(token));
        match self.auth.check(self.auth.read(&head), requirement).await {
            Ok(_) => true,
            Err(rejection) => {
                let _ = self.auth.refuse(&rejection, &head);
                false
            }
        }
    }

    /// Type, decision and event of everything that was written.
    pub(super) async fn written(&self) -> Vec<(String, String, Value)> {
        self.audit.shutdown().await;
        let entries = entries(&self.server.url()).await;
        entries
            .iter()
            .map(|fields| {
                assert_eq!(fields["sig"], signature(&fields["data"]));
                let event = event_of(fields);
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                (text("event_type"), text("decision"), event.clone())
            })
            .collect()
    }
}

pub(super) fn now() -> Timestamp {
    SystemClock.now().unwrap()
}

pub(super) fn kinds(written: &[(String, String, Value)]) -> Vec<(&str, &str)> {
    written.iter().map(|(kind, decision, _)| (kind.as_str(), decision.as_str())).collect()
}

#[tokio::test]
async fn an_accepted_mandate_is_told_with_its_claims_and_its_request() {
    let world = World::new(|audit| audit);
    let mandate = world.issuer.delegated("user_1", now()).claim("jti", "mandate-1").sign();
    assert!(world.request(Some(&mandate), &Requirement::user()).await);
    let written = world.written().await;
    assert_eq!(kinds(&written), [("fauth.mandate_accepted", "allow")]);
    let event = &written[0].2;
    let expected = json!({
        "subject": "user_1",
        "method": "POST",
        "path": "/payouts/create",
        "address": "192.0.2.7",
        "trace_id": TRACE,
        "span_id": "00f067aa0ba902b7",
        "baggage": { "agent_session": "said", "hop": 3 },
        "jti": "mandate-1",
        "client_id": "app_1",
        "sid": "sid_1",
        "root_sid": "root_1",
        "use": "resource",
        "sub_type": "user",
        "scope": "billing:read billing:payout",
        "agent_session_id": "ags_1",
        "delegation_edge_id": "edge_1",
        "hop_count": 1,
        "delegation_graph_epoch": 5,
    });
    assert_eq!(event["metadata_json"], expected);
    assert_eq!(event["request_id"], TRACE);
    assert_eq!(event["zone_id"], "zone_prod");
    assert_eq!(event["evaluation_status"], "complete");
    assert_eq!(event["diagnostics_json"], json!([]));
    assert!(!event.to_string().contains(&*mandate), "the mandate itself is nowhere");
}

#[tokio::test]
async fn a_refused_mandate_is_told_with_the_reason() {
    let world = World::new(|audit| audit);
    let mandate = world.issuer.mandate("user_1", now()).sign();
    let payout = Requirement::user().scopes(["billing:everything"]);
    assert!(!world.request(Some(&mandate), &payout).await);
    world.anchors.revoke(&["sid_1"], ms(60_000)).await.unwrap();
    assert!(!world.request(Some(&mandate), &Requirement::user()).await);
    assert!(!world.request(Some("not.a.token"), &Requirement::user()).await);
    assert!(!world.request(None, &Requirement::user()).await);
    world.auth.revoke_mandate_anchors(&["sid_2"], ms(60_000)).await.unwrap();

    let written = world.written().await;
    let expected =
        [("fauth.access_denied", "deny"), ("fauth.mandate_refused", "deny"), ("fauth.revoked", "allow")];
    assert_eq!(kinds(&written), expected);
    let code = |index: usize| written[index].2["diagnostics_json"][0]["code"].clone();
    assert_eq!((code(0), code(1)), (json!("missing_scope"), json!("mandate_revoked")));
    for refused in &written[..2] {
        assert_eq!(refused.2["evaluation_status"], "complete");
        assert_eq!(refused.2["metadata_json"]["sid"], "sid_1");
    }
    assert_eq!(written[1].2["metadata_json"]["path"], "/payouts/create");
}

#[tokio::test]
async fn what_is_written_can_be_selected() {
    let select = |event: &Event<'_>| event.kind != EventKind::MandateAccepted;
    let world = World::new(|audit| audit.select(select).include_unverified());
    let mandate = world.issuer.mandate("user_1", now()).sign();
    assert!(world.request(Some(&mandate), &Requirement::user()).await);
    assert!(!world.request(None, &Requirement::user()).await);
    assert_eq!(kinds(&world.written().await), [("fauth.request_refused", "deny")]);
}
