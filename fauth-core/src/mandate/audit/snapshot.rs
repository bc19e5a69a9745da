//! The owned copy of an event that waits in the buffer, and its conversion to an audit record.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{
    buffer::Source,
    record::{AuditRecord, Decision},
    redaction::{redact_text, shortened},
};
use crate::{
    escape::redacted,
    event::{Event, EventKind},
    trace_context::TraceContext,
};

/// The maximum length of a text in the copy, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Returns whether this event is written by default. Use it in a
/// [selection](super::AuditStreamBuilder::select) that extends or narrows the default. Events that
/// anyone can cause are written only if they are also
/// [included](super::AuditStreamBuilder::include_unverified).
///
/// ```no_run
/// # fn example(builder: fauth_core::mandate::audit::AuditStreamBuilder) {
/// use fauth_core::{event::EventKind, mandate::audit::is_audited};
///
/// let builder =
///     builder.select(|event| is_audited(event) && event.kind != EventKind::MandateAccepted);
/// # }
/// ```
#[must_use]
pub fn is_audited(event: &Event<'_>) -> bool {
    match event.kind {
        EventKind::RequestRefused => event.reason != Some("missing_credential"),
        // These belong in the log: they are about the server, not about the authority of a subject.
        EventKind::CallbackFailed
        | EventKind::StoreFailed
        | EventKind::PasswordRehashed
        | EventKind::KeysFetched
        | EventKind::KeyFetchFailed
        | EventKind::KeysStale
        | EventKind::KeysUnavailable => false,
        EventKind::LoggedOut => event.subject.is_some(),
        _ => true,
    }
}

/// Returns which share of the buffer the event uses. Events that anyone can cause have a buffer of
/// their own.
pub(super) fn source_of(event: &Event<'_>) -> Source {
    match event.kind {
        EventKind::AccessDenied
        | EventKind::MandateAccepted
        | EventKind::MandateRefused
        | EventKind::CallbackFailed
        | EventKind::StoreFailed => Source::Request,
        _ => Source::Act,
    }
}

const fn decision_of(kind: EventKind) -> Decision {
    match kind {
        EventKind::AuthenticationFailed
        | EventKind::MandateRefused
        | EventKind::TokenTheft
        | EventKind::AccessDenied
        | EventKind::RequestRefused
        | EventKind::RequestLimited
        | EventKind::LoginThrottled
        | EventKind::OneTimeRefused
        | EventKind::CallbackFailed
        | EventKind::StoreFailed
        | EventKind::KeyFetchFailed
        | EventKind::KeysStale
        | EventKind::KeysUnavailable => Decision::Deny,
        _ => Decision::Allow,
    }
}

/// An owned copy of an event. It is made while a request is handled; the writer task does
/// everything that takes longer.
pub(super) struct Snapshot {
    kind: EventKind,
    reason: Option<&'static str>,
    is_fault: bool,
    subject: Option<Box<str>>,
    session: Option<Box<str>>,
    identifier: Option<Box<str>>,
    method: Option<Box<str>>,
    path: Option<Box<str>>,
    peer: Option<IpAddr>,
    address: Option<IpAddr>,
    source: Option<Box<str>>,
    error: Option<Box<str>>,
    trace: Option<TraceContext>,
    mandate: Option<Box<OfMandate>>,
    zone: Option<Box<str>>,
    /// The revoked anchors; an event has at most 32.
    anchors: Vec<Box<str>>,
    epoch: Option<u64>,
}

/// The claims of a mandate, under their names in the token.
struct OfMandate {
    token_id: Option<Box<str>>,
    zone: Box<str>,
    client_id: Box<str>,
    authority_record: Box<str>,
    root_authority_record: Box<str>,
    usage: &'static str,
    subject_type: &'static str,
    scopes: Box<str>,
    agent_session: Option<Box<str>>,
    delegation_edge: Option<Box<str>>,
    hop_count: u32,
    epoch: Option<u64>,
}

impl OfMandate {
    fn of(event: &Event<'_>) -> Option<Box<Self>> {
        let mandate = event.mandate?;
        let kept = |text: &str| shortened(text, MAX_TEXT_BYTES);
        let scopes: Vec<_> = mandate.scopes().collect();
        Some(Box::new(Self {
            token_id: event.token_id.map(kept),
            zone: kept(mandate.zone()),
            client_id: kept(mandate.client_id()),
            authority_record: kept(mandate.authority_record_id()),
            root_authority_record: kept(mandate.root_authority_record_id()),
            usage: mandate.mandate_use().as_str(),
            subject_type: mandate.subject_type().as_str(),
            scopes: kept(&scopes.join(" ")),
            agent_session: mandate.agent_session_id().map(kept),
            delegation_edge: mandate.delegation_edge_id().map(kept),
            hop_count: mandate.hop_count(),
            epoch: mandate.delegation_graph_epoch(),
        }))
    }
}

impl Snapshot {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let kept = |text: Option<&str>| text.map(|text| shortened(text, MAX_TEXT_BYTES));
        Self {
            kind: event.kind,
            reason: event.reason,
            is_fault: event.is_fault_of_server(),
            subject: kept(event.subject),
            session: kept(event.session),
            identifier: kept(event.identifier),
            method: kept(event.method),
            path: kept(event.path),
            peer: event.peer.map(|peer| peer.ip()),
            address: event.address,
            source: kept(event.source),
            error: kept(event.error),
            trace: event.trace.cloned(),
            mandate: OfMandate::of(event),
            zone: kept(event.zone),
            anchors: event.anchors.iter().map(|anchor| shortened(anchor, MAX_TEXT_BYTES)).collect(),
            epoch: event.delegation_epoch,
        }
    }

    pub(super) fn into_record(self) -> AuditRecord {
        let decision = decision_of(self.kind);
        let mut record = AuditRecord::new(format!("fauth.{}", self.kind.as_str()), decision);
        if self.is_fault {
            record = record.evaluation_status("error");
        }
        if let Some(id) = self.trace.as_ref().and_then(TraceContext::trace_id) {
            record = record.request_id(id);
        }
        let of_mandate = self.mandate.as_ref().map(|mandate| &*mandate.zone);
        if let Some(zone) = of_mandate.or(self.zone.as_deref()) {
            record = record.zone(zone);
        }
        let (diagnostics, metadata) = (self.diagnostics(), self.metadata());
        record.with_own(diagnostics, metadata)
    }

    /// Returns the reason, and the error if there is one.
    fn diagnostics(&self) -> Value {
        let Some(reason) = self.reason else { return json!([]) };
        match &self.error {
            None => json!([{ "code": reason }]),
            Some(error) => json!([{ "code": reason, "message": redact_text(&redacted(error)) }]),
        }
    }

    /// The names are ours and harmless; the values may come from anyone.
    fn metadata(&self) -> Map<String, Value> {
        let mut metadata = Metadata::default();
        metadata.text("subject", self.subject.as_deref());
        metadata.text("session_hash", self.session.as_deref());
        metadata.text("identifier_hash", self.identifier.as_deref());
        metadata.text("method", self.method.as_deref());
        metadata.text("path", self.path.as_deref());
        metadata.text("key_source", self.source.as_deref());
        metadata.set("address", self.address.map(|address| address.to_string()));
        metadata.set("peer", self.peer.filter(|_| self.address != self.peer).map(|peer| peer.to_string()));
        if let Some(trace) = &self.trace {
            metadata.trace(trace);
        }
        if let Some(mandate) = &self.mandate {
            metadata.mandate(mandate);
        }
        let anchors: Vec<_> = self.anchors.iter().map(|anchor| redact_text(anchor)).collect();
        metadata.set("anchors", Some(anchors).filter(|anchors| !anchors.is_empty()));
        metadata.set("delegation_epoch", self.epoch);
        metadata.0
    }
}

/// Adds a member only if it has a value.
#[derive(Default)]
struct Metadata(Map<String, Value>);

impl Metadata {
    fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        self.set(name, text.map(redact_text));
    }

    /// Adds the claims of the mandate, under their names in the token.
    fn mandate(&mut self, mandate: &OfMandate) {
        self.text("jti", mandate.token_id.as_deref());
        self.text("client_id", Some(&mandate.client_id));
        self.text("sid", Some(&mandate.authority_record));
        self.text("root_sid", Some(&mandate.root_authority_record));
        self.set("use", Some(mandate.usage));
        self.set("sub_type", Some(mandate.subject_type));
        self.text("scope", Some(&*mandate.scopes).filter(|scopes| !scopes.is_empty()));
        self.text("agent_session_id", mandate.agent_session.as_deref());
        self.text("delegation_edge_id", mandate.delegation_edge.as_deref());
        self.set("hop_count", Some(mandate.hop_count));
        self.set("delegation_graph_epoch", mandate.epoch);
    }

    /// Adds what the caller claims about its trace. It is not verified, so it goes under a name of
    /// its own.
    fn trace(&mut self, trace: &TraceContext) {
        self.text("trace_id", trace.trace_id());
        self.text("span_id", trace.span_id());
        let mut claimed = Self::default();
        claimed.text("session", trace.authority_record_id());
        claimed.text("agent_session", trace.agent_session_id());
        claimed.text("delegation_edge", trace.delegation_edge_id());
        claimed.text("parent_edge", trace.parent_edge_id());
        claimed.set("hop", trace.hop());
        self.set("baggage", Some(claimed.0).filter(|members| !members.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::seal::Seal;
    use super::*;

    fn written(event: &Event<'_>) -> Value {
        let seal = Seal::new("zone_prod", None).unwrap();
        let entry = seal.entry(Snapshot::of(event).into_record(), Duration::from_secs(1)).unwrap();
        serde_json::from_str(&entry.data).unwrap()
    }

    #[test]
    fn a_refusal_is_told_with_what_the_event_knows() {
        let trace = TraceContext::parse(
            Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            [b"caracal.session=record,caracal.hop=1".as_slice()],
        );
        let mut event = Event::new(EventKind::RequestRefused).reason("missing_scope").subject("alice");
        event.method = Some("POST");
        event.path = Some("/payouts/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.c2lnbmF0dXJl");
        event.peer = Some(([192, 0, 2, 1], 4711).into());
        event.address = Some([198, 51, 100, 7].into());
        event.trace = Some(&trace);
        let mut written = written(&event);
        assert!(written["id"].as_str().is_some_and(|id| id.len() == 36));
        written["id"] = json!("…");
        let expected = json!({
            "id": "…",
            "zone_id": "zone_prod",
            "event_type": "fauth.request_refused",
            "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "decision": "deny",
            "evaluation_status": "complete",
            "occurred_at": "1970-01-01T00:00:01.000Z",
            "determining_policies_json": [],
            "diagnostics_json": [{ "code": "missing_scope" }],
            "metadata_json": {
                "subject": "alice",
                "method": "POST",
                "path": "/payouts/***",
                "address": "198.51.100.7",
                "peer": "192.0.2.1",
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span_id": "00f067aa0ba902b7",
                "baggage": { "session": "record", "hop": 1 },
            },
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_revocation_is_told_with_what_was_revoked() {
        let mut event = Event::new(EventKind::Revoked);
        (event.zone, event.anchors) = (Some("zone_2"), &["sid_1", "edge_1"]);
        let written_down = written(&event);
        assert_eq!(written_down["zone_id"], "zone_2");
        assert_eq!(written_down["metadata_json"], json!({ "anchors": ["sid_1", "edge_1"] }));
        (event.anchors, event.delegation_epoch) = (&[], Some(7));
        assert_eq!(written(&event)["metadata_json"], json!({ "delegation_epoch": 7 }));
    }

    #[test]
    fn what_is_allowed_has_no_diagnostics_unless_there_is_a_reason() {
        let event = written(&Event::new(EventKind::LoggedIn).subject("alice"));
        assert_eq!((&event["decision"], &event["diagnostics_json"]), (&json!("allow"), &json!([])));
        assert_eq!(event["request_id"], event["id"]);
        let event = written(&Event::new(EventKind::Refreshed).reason("in_grace").subject("alice"));
        assert_eq!(event["diagnostics_json"], json!([{ "code": "in_grace" }]));
    }

    #[test]
    fn a_fault_of_the_server_is_no_complete_evaluation_and_its_causes_are_redacted() {
        let mut event = Event::new(EventKind::RequestRefused)
            .reason("store_failed")
            .error("redis://me:hunter2@host sent AKIAIOSFODNN7EXAMPLE");
        event.level = tracing::Level::ERROR;
        let event = written(&event);
        assert_eq!((&event["decision"], &event["evaluation_status"]), (&json!("deny"), &json!("error")));
        let message = "redis://me:***@host sent ***";
        assert_eq!(event["diagnostics_json"], json!([{ "code": "store_failed", "message": message }]));
    }

    #[test]
    fn what_concerns_nobodys_authority_is_left_out() {
        let is_audited = |kind, reason: Option<&'static str>, subject: Option<&'static str>| {
            let mut event = Event::new(kind);
            (event.reason, event.subject) = (reason, subject);
            is_audited(&event)
        };
        assert!(is_audited(EventKind::RequestRefused, Some("invalid_token"), None));
        assert!(!is_audited(EventKind::RequestRefused, Some("missing_credential"), None));
        assert!(is_audited(EventKind::LoggedOut, None, Some("alice")));
        assert!(!is_audited(EventKind::LoggedOut, None, None));
        assert!(is_audited(EventKind::Revoked, None, None));
        assert!(!is_audited(EventKind::KeysFetched, None, None));
        assert!(!is_audited(EventKind::StoreFailed, None, None));
    }

    #[test]
    fn what_requests_raise_is_told_from_what_was_done() {
        let source = |kind, subject| {
            let mut event = Event::new(kind);
            event.subject = subject;
            source_of(&event)
        };
        assert_eq!(source(EventKind::LoggedIn, Some("alice")), Source::Act);
        assert_eq!(source(EventKind::Revoked, None), Source::Act);
        assert_eq!(source(EventKind::LoggedOut, Some("alice")), Source::Act);
        assert_eq!(source(EventKind::MandateAccepted, Some("alice")), Source::Request);
        assert_eq!(source(EventKind::MandateRefused, Some("alice")), Source::Request);
        assert_eq!(source(EventKind::AccessDenied, Some("alice")), Source::Request);
        assert_eq!(source(EventKind::StoreFailed, None), Source::Request);
    }

    #[test]
    fn what_is_kept_of_an_event_is_bounded() {
        let path = "/x".repeat(100_000);
        let mut event = Event::new(EventKind::RequestRefused);
        event.path = Some(&path);
        let kept = Snapshot::of(&event).path.map(|path| path.len());
        assert!(kept.is_some_and(|length| length < 1100), "{kept:?}");
    }
}
