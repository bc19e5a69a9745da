//! The example documents of Caracal's interoperability fixtures: what holds of each of them here.
//!
//! Every file of the folder is named: one that is added later fails the test until it is too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::{collections::BTreeSet, env, fs, path::PathBuf, time::Duration};

use fauth_core::{
    AuthProvider, MandateAuth, Principal, Requirement,
    clock::{Clock as _, SystemClock},
    mandate::{
        TraceContext,
        audit::{AuditRecord, Decision, is_secret_name, redact},
    },
    store::{AnchorStore as _, MemoryAnchorStore, StreamKey},
};
use fauth_testing::{ForeignToken, MANDATE_AUDIENCE, MandateIssuer};
use serde_json::{Map, Value, json};

/// What becomes of a file.
enum Held {
    /// It is looked at in this file, by this function.
    Here(fn(&Value)),
    /// Another test of this crate reads it: that in this text.
    Elsewhere(&'static str),
    /// It describes nothing that this library makes or reads, as this member of it shows.
    NotOurs(&'static str),
}

const OF_CLAIMS: &str = include_str!("../src/trusted_issuer/golden_mandates.rs");
const OF_SIGNATURES: &str = include_str!("caracal_streams/signatures.rs");

const FIXTURES: [(&str, Held); 14] = [
    ("audit-event.allow.valid.json", Held::Here(an_audit_event_can_be_written)),
    ("trace-context.headers.valid.json", Held::Here(trace_headers_are_read)),
    ("w3c-baggage.valid.json", Held::Here(baggage_is_read)),
    ("revocation-event.session.valid.json", Held::Here(a_revocation_can_be_signed)),
    ("token-response.valid.json", Held::Here(a_token_response_never_reaches_an_audit_event)),
    ("policy-result.allow.valid.json", Held::Here(an_audit_event_quotes_what_policies_answer)),
    ("audit-exporter-manifest.valid.json", Held::Here(what_no_exporter_may_see_is_hidden)),
    ("resource-verifier-manifest.valid.json", Held::Here(what_a_verifier_of_the_catalogue_promises_is_there)),
    ("jwt-claims.resource.valid.json", Held::Elsewhere(OF_CLAIMS)),
    ("stream-sig-canonicalize.vectors.json", Held::Elsewhere(OF_SIGNATURES)),
    // Describes a connector that calls services, to Caracal's catalogue.
    ("agent-connector-manifest.valid.json", Held::NotOurs("framework")),
    // Describes a service to Caracal's gateway; its author writes it, and nothing here reads it.
    ("gateway-upstream-manifest.http.valid.json", Held::NotOurs("resource_identifier")),
    // Describes policies in Rego, which the token service of Caracal evaluates.
    ("policy-pack-manifest.valid.json", Held::NotOurs("rego_modules")),
    // Is what the token service asks its policies.
    ("policy-input.sts.valid.json", Held::NotOurs("principal")),
];

fn folder() -> PathBuf {
    let folder = env::var_os("FAUTH_VECTORS").map(PathBuf::from);
    folder.expect("set FAUTH_VECTORS to the folder of the test vectors").join("caracal")
}

fn fixture(name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder().join(name)).unwrap()).unwrap()
}

#[test]
fn every_fixture_is_known() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.collect();
    let known: BTreeSet<String> = FIXTURES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, known);
    for (name, held) in &FIXTURES {
        match held {
            Held::Here(holds) => holds(&fixture(name)),
            Held::Elsewhere(test) => assert!(reads(test, name), "no test reads {name}"),
            Held::NotOurs(member) => {
                assert!(!fixture(name)[member].is_null(), "{name} is no longer what it was: no `{member}`");
            }
        }
    }
}

/// Does this test name the file, in code and not in a comment?
fn reads(test: &str, name: &str) -> bool {
    let mut lines = test.lines().filter(|line| !line.trim_start().starts_with("//"));
    test.contains("#[test]") && lines.any(|line| line.contains(&format!("caracal/{name}\"")))
}

#[test]
fn a_test_that_does_not_read_a_file_is_told_from_one_that_does() {
    assert!(reads(OF_CLAIMS, "jwt-claims.resource.valid.json"));
    assert!(!reads(OF_SIGNATURES, "jwt-claims.resource.valid.json"));
    assert!(!reads("#[test]\n// \"caracal/x.json\"", "x.json"));
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// Every member can be set, and nothing else is written. How it stands in the stream is tested
/// against a real Redis, in `tests/caracal_audit`.
fn an_audit_event_can_be_written(event: &Value) {
    assert_eq!(text(event, "decision"), Decision::Allow.as_str());
    let record = AuditRecord::new(text(event, "event_type"), Decision::Allow)
        .id(text(event, "id"))
        .zone(text(event, "zone_id"))
        .request_id(text(event, "request_id"))
        .policy_set_id(text(event, "policy_set_id"))
        .policy_set_version_id(text(event, "policy_set_version_id"))
        .manifest_sha(text(event, "manifest_sha"))
        .evaluation_status(text(event, "evaluation_status"))
        .occurred_at(text(event, "occurred_at"))
        .determining_policies(event["determining_policies_json"].clone())
        .diagnostics(event["diagnostics_json"].clone())
        .metadata(event["metadata_json"].clone());
    let (id, data) = record.to_entry("another zone");
    assert_eq!(id, text(event, "id"));
    assert_eq!(&serde_json::from_str::<Value>(&data).unwrap(), event);
}

fn trace_headers_are_read(headers: &Value) {
    let (traceparent, baggage) = (text(headers, "traceparent"), text(headers, "baggage"));
    let trace = TraceContext::parse(Some(traceparent.as_bytes()), [baggage.as_bytes()]);
    assert_eq!(trace.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(trace.span_id(), Some("00f067aa0ba902b7"));
    is_of_the_fixtures(&trace);
}

fn baggage_is_read(members: &Value) {
    let members: &Map<String, Value> = members.as_object().unwrap();
    let pairs = members.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    let header = pairs.collect::<Vec<_>>().join(",");
    let trace = TraceContext::parse(None, [header.as_bytes()]);
    assert_eq!(trace.trace_id(), None);
    is_of_the_fixtures(&trace);
}

fn is_of_the_fixtures(trace: &TraceContext) {
    assert_eq!(trace.authority_record_id(), Some("authority-record-1"));
    assert_eq!(trace.agent_session_id(), Some("session-child"));
    assert_eq!(trace.delegation_edge_id(), Some("delegation-1"));
    assert_eq!(trace.parent_edge_id(), Some("delegation-root"));
    assert_eq!(trace.hop(), Some(1));
}

/// The fields are those that consumers read (`tests/caracal_streams`). The signature is a
/// placeholder: it is none of any key, and none of ours.
fn a_revocation_can_be_signed(event: &Value) {
    let fields: Vec<(&str, Option<&str>)> =
        event.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for required in ["zone_id", "session_id", "reason"] {
        assert!(fields.iter().any(|(name, value)| *name == required && value.is_some()), "{required}");
    }
    let key = StreamKey::new([7; 32]).unwrap();
    let stream = "caracal.sessions.revoke";
    assert!(!key.verifies(stream, fields.iter().copied(), text(event, "_sig")));
    let signature = key.sign(stream, fields.iter().copied()).unwrap();
    assert!(key.verifies(stream, fields, &signature));
}

/// It is what a client gets from the token service. This library asks that service for nothing, so
/// there is nothing to read; but an application may log what it got.
fn a_token_response_never_reaches_an_audit_event(response: &Value) {
    assert_eq!(text(response, "token_type"), "Bearer");
    let shown =
        redact(json!({ "response": response, "sent": format!("Bearer {}", text(response, "access_token")) }));
    assert_eq!(shown["response"]["access_token"], "***");
    assert_eq!(shown["sent"], "Bearer ***");
    assert_eq!(shown["response"]["scope"], "read write", "what is no secret stays");
    assert!(!shown.to_string().contains("eyJ"));
}

fn an_audit_event_quotes_what_policies_answer(result: &Value) {
    assert_eq!(text(result, "decision"), Decision::Allow.as_str());
    let record = AuditRecord::new("authz", Decision::Allow)
        .evaluation_status(text(result, "evaluation_status"))
        .determining_policies(result["determining_policies"].clone())
        .diagnostics(result["diagnostics"].clone());
    let written: Value = serde_json::from_str(&record.to_entry("zone").1).unwrap();
    assert_eq!(written["evaluation_status"], result["evaluation_status"]);
    assert_eq!(written["determining_policies_json"], result["determining_policies"]);
    assert_eq!(written["diagnostics_json"], result["diagnostics"]);
}

/// Nothing here exports the ledger. What its exporters must not find in an event is not in ours:
/// secrets are hidden by name, and bodies are never read.
fn what_no_exporter_may_see_is_hidden(manifest: &Value) {
    let bodies = ["request_body", "response_body"];
    for name in manifest["redaction"]["forbidden_fields"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(is_secret_name(name) || bodies.contains(&name), "{name}");
    }
}

/// The manifest describes a library like this one. We publish none; what it promises is here.
fn what_a_verifier_of_the_catalogue_promises_is_there(manifest: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        it_revokes_by_each_anchor(&manifest["revocation"]).await;
        it_requires_what_the_profile_says(&manifest["claim_profile"]).await;
    });
    assert_eq!(manifest["w3c_context"], json!({ "trace_context": true, "baggage": true }));
    trace_headers_are_read(&fixture("trace-context.headers.valid.json"));
    assert_eq!(manifest["audit"], json!({ "action_result_emitter": true }));
    let (_, data) = AuditRecord::new("action_result", Decision::Allow).to_entry("zone_prod");
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap()["event_type"], "action_result");
    for fixture in manifest["conformance"]["fixtures"].as_array().unwrap() {
        let is_held =
            FIXTURES.iter().any(|(name, held)| fixture == name && !matches!(held, Held::NotOurs(_)));
        assert!(is_held, "{fixture}");
    }
}

struct Verifier {
    issuer: MandateIssuer,
    anchors: MemoryAnchorStore,
    auth: AuthProvider<Principal>,
}

impl Verifier {
    fn new() -> Self {
        let issuer = MandateIssuer::new("https://sts.example.com", "zone_prod");
        let anchors = MemoryAnchorStore::new();
        let auth = MandateAuth::builder()
            .issuer(issuer.issuer())
            .zone(issuer.zone())
            .audience(MANDATE_AUDIENCE)
            .keys(issuer.keys())
            .revocations(anchors.clone())
            .build()
            .unwrap();
        Self { issuer, anchors, auth }
    }

    fn mandate(&self) -> ForeignToken {
        self.issuer.delegated("user_1", SystemClock.now().unwrap())
    }

    async fn accepts(&self, mandate: &ForeignToken, requirement: &Requirement) -> bool {
        self.auth.authenticate_token(&mandate.sign(), requirement).await.is_ok()
    }
}

async fn it_revokes_by_each_anchor(revocation: &Value) {
    assert_eq!(revocation["supported"], true);
    let names = revocation["anchors"].as_array().unwrap();
    assert!(!names.is_empty());
    for name in names {
        let name = name.as_str().unwrap();
        let verifier = Verifier::new();
        let mandate = verifier.mandate();
        assert!(verifier.accepts(&mandate, &Requirement::user()).await);
        let claims: Value = serde_json::from_str(&mandate.claims()).unwrap();
        verifier.anchors.revoke(&[text(&claims, name)], Duration::from_secs(60)).await.unwrap();
        assert!(!verifier.accepts(&mandate, &Requirement::user()).await, "{name}");
    }
}

async fn it_requires_what_the_profile_says(profile: &Value) {
    let verifier = Verifier::new();
    let (mandate, target) = (verifier.mandate(), MandateIssuer::TARGET);
    let required = Requirement::user().scopes(["billing:read"]).targets([target]);
    assert!(verifier.accepts(&mandate, &required).await);
    for (name, lacking) in [
        ("requires_audience", mandate.clone().claim("aud", "resource://another")),
        ("requires_target", mandate.clone().claim("target", json!(["https://another.example.com"]))),
        ("requires_scope", mandate.clone().claim("scope", "billing:other")),
        ("requires_use_resource", mandate.clone().claim("use", "session")),
    ] {
        assert_eq!(profile[name], true, "{name}");
        assert!(!verifier.accepts(&lacking, &required).await, "{name}");
    }
}
