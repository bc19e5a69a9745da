//! The example documents of Caracal's interoperability fixtures: what holds of each of them here.
//!
//! Every file of the folder is named: one that is added later fails the test until it is too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use fauth_core::{
    mandate::{
        TraceContext,
        audit::{AuditRecord, Decision, redact},
    },
    store::StreamKey,
};
use serde_json::{Map, Value, json};

/// What becomes of a file.
enum Held {
    /// It is looked at in this file, by this function.
    Here(fn(&Value)),
    /// Another test of this crate reads it.
    Elsewhere(&'static str),
    /// It describes nothing that this library makes or reads.
    NotOurs(&'static str),
}

const FIXTURES: [(&str, Held); 14] = [
    ("audit-event.allow.valid.json", Held::Here(an_audit_event_can_be_written)),
    ("trace-context.headers.valid.json", Held::Here(trace_headers_are_read)),
    ("w3c-baggage.valid.json", Held::Here(baggage_is_read)),
    ("revocation-event.session.valid.json", Held::Here(a_revocation_can_be_signed)),
    ("token-response.valid.json", Held::Here(a_token_response_never_reaches_an_audit_event)),
    ("jwt-claims.resource.valid.json", Held::Elsewhere("the claims of mandates, in `token/mandate`")),
    ("stream-sig-canonicalize.vectors.json", Held::Elsewhere("`tests/caracal_streams/signatures.rs`")),
    (
        "agent-connector-manifest.valid.json",
        Held::NotOurs("describes a connector that calls services, to Caracal's catalogue"),
    ),
    (
        "audit-exporter-manifest.valid.json",
        Held::NotOurs("describes an exporter that reads the ledger of audit events, which is Caracal's"),
    ),
    (
        "gateway-upstream-manifest.http.valid.json",
        Held::NotOurs(
            "describes a service to Caracal's gateway; its author writes it, and nothing here reads it",
        ),
    ),
    (
        "policy-pack-manifest.valid.json",
        Held::NotOurs("describes policies in Rego, which the token service of Caracal evaluates"),
    ),
    ("policy-input.sts.valid.json", Held::NotOurs("is what the token service asks its policies")),
    (
        "policy-result.allow.valid.json",
        Held::NotOurs("is what these answer; an audit event quotes it, and that is tested above"),
    ),
    ("resource-verifier-manifest.valid.json", Held::Here(what_a_verifier_of_the_catalogue_promises_is_there)),
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
            Held::Elsewhere(reason) | Held::NotOurs(reason) => assert!(!reason.is_empty(), "{name}"),
        }
    }
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

/// The manifest describes a library like this one. We publish none; what it promises is here.
fn what_a_verifier_of_the_catalogue_promises_is_there(manifest: &Value) {
    assert_eq!(
        manifest["revocation"]["anchors"],
        json!(["sid", "root_sid", "agent_session_id", "delegation_edge_id"]),
        "a mandate is looked up by these; see `mandate/anchors.rs`"
    );
    let context = &manifest["w3c_context"];
    assert_eq!((&context["trace_context"], &context["baggage"]), (&json!(true), &json!(true)));
    assert_eq!(manifest["audit"]["action_result_emitter"], true, "`AuditStream::record`");
    for fixture in manifest["conformance"]["fixtures"].as_array().unwrap() {
        let is_held =
            FIXTURES.iter().any(|(name, held)| fixture == name && !matches!(held, Held::NotOurs(_)));
        assert!(is_held, "{fixture}");
    }
}
