//! What a provider of mandates raises, as it stands in the stream.

use async_trait::async_trait;
use fauth_core::{
    AuthProvider, MandateAuth, Principal, Requirement,
    clock::{Clock as _, SystemClock, Timestamp},
    event::{Event, EventKind},
    store::{AnchorState, AnchorStore, MemoryAnchorStore, StoreError},
};
use fauth_testing::{Log, MANDATE_AUDIENCE, MandateIssuer, WireRequest};
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
        let auth = provider(&issuer, &audit, anchors.clone());
        Self { server, audit, issuer, anchors, auth }
    }

    fn head(token: Option<&str>) -> WireRequest {
        let head = WireRequest::post("/payouts/create?a=b").from_peer([192, 0, 2, 7]);
        let head = head.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        let head = head.header("baggage", "caracal.agent_session=said,caracal.hop=3,tenant=x");
        token.iter().fold(head, |head, token| head.bearer(token))
    }

    /// One request from its beginning to its end.
    pub(super) async fn request(&self, token: Option<&str>, requirement: &Requirement) -> bool {
        let head = Self::head(token);
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

fn provider(
    issuer: &MandateIssuer,
    audit: &AuditStream,
    anchors: impl AnchorStore,
) -> AuthProvider<Principal> {
    MandateAuth::builder()
        .issuer(issuer.issuer())
        .zone(issuer.zone())
        .audience(MANDATE_AUDIENCE)
        .keys(issuer.keys())
        .revocations(anchors)
        .provider()
        .unwrap()
        .events(audit.clone())
        .build()
        .unwrap()
}

/// It knows nothing and takes nothing.
struct Down;

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::new("down"))
}

#[async_trait]
impl AnchorStore for Down {
    async fn check(&self, _: &str, _: &[&str]) -> Result<AnchorState, StoreError> {
        down()
    }

    async fn revoke(&self, _: &[&str], _: Duration) -> Result<(), StoreError> {
        down()
    }

    async fn raise_epoch(&self, _: &str, _: u64, _: Duration) -> Result<u64, StoreError> {
        down()
    }

    async fn spend(&self, _: &str, _: Duration) -> Result<bool, StoreError> {
        down()
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
    for refused in &written[..2] {
        assert_eq!(refused.2["metadata_json"]["path"], "/payouts/create");
        assert_eq!(refused.2["request_id"], TRACE);
    }
}

#[tokio::test]
async fn an_inner_guard_tells_of_the_same_request() {
    let world = World::new(|audit| audit);
    let mandate = world.issuer.mandate("user_1", now()).sign();
    let head = World::head(Some(&mandate));
    let granted = world.auth.check(world.auth.read(&head), &Requirement::user()).await.unwrap();
    let again = world.auth.read_again(&head, Some(&granted));
    let payout = Requirement::user().scopes(["billing:everything"]);
    assert!(world.auth.check(again, &payout).await.is_err());

    let written = world.written().await;
    assert_eq!(kinds(&written), [("fauth.mandate_accepted", "allow"), ("fauth.access_denied", "deny")]);
    let denied = &written[1].2;
    assert_eq!(denied["metadata_json"]["path"], "/payouts/create");
    assert_eq!(denied["metadata_json"]["address"], "192.0.2.7");
    assert_eq!(denied["request_id"], TRACE);
}

/// Somebody who verifies has asked, and got no decision.
#[tokio::test]
async fn a_mandate_that_nobody_could_decide_about_is_told_with_the_fault() {
    let log = Log::of_process();
    let mut world = World::new(|audit| audit);
    world.auth = provider(&world.issuer, &world.audit, Down);
    let mandate = world.issuer.mandate("undecided-user", now()).sign();
    assert!(!world.request(Some(&mandate), &Requirement::user()).await);
    assert!(!world.request(Some("not.a.token"), &Requirement::user()).await);
    let written = world.written().await;
    assert_eq!(kinds(&written), [("fauth.mandate_refused", "deny")]);
    let event = &written[0].2;
    assert_eq!(event["evaluation_status"], "error");
    assert_eq!(event["diagnostics_json"], json!([{ "code": "store_failed" }]));
    let metadata = &event["metadata_json"];
    assert_eq!((&metadata["sid"], &metadata["path"]), (&json!("sid_1"), &json!("/payouts/create")));
    assert_eq!(event["request_id"], TRACE);
    let levels: Vec<_> = log.with("undecided-user").iter().map(|record| record.level).collect();
    assert_eq!(levels, [tracing::Level::INFO], "the error of the log is that of the store");
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
