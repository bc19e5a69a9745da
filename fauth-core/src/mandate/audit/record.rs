//! One audit event in Caracal's format.

use serde_json::{Map, Value};

use super::{
    canonical::canonical,
    redaction::{beginning, redact, redact_text},
};

/// The maximum size of a signed event, in bytes. A larger event loses its metadata, diagnostics and
/// policies.
pub(super) const MAX_DATA_BYTES: usize = 64 * 1024;
/// The maximum size of a member that is not JSON, in bytes.
const MAX_MEMBER_BYTES: usize = 1024;

/// The decision that an audit event records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Caracal knows no third decision")]
pub enum Decision {
    /// `allow`.
    Allow,
    /// `deny`.
    Deny,
}

impl Decision {
    /// Returns the value of the member `decision`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// An audit event of the application's own, for
/// [`AuditStream::record`](super::AuditStream::record).
///
/// All of its texts are [redacted](super::redact), except the id, the zone and the time.
///
/// Defaults: a random id, the zone of the stream, the id of the event as the request id, the
/// current time, the evaluation status `complete`, no policies and no diagnostics.
///
/// ```
/// use fauth_core::mandate::audit::{AuditRecord, Decision};
/// use serde_json::json;
///
/// let paid = AuditRecord::new("payout.created", Decision::Allow)
///     .request_id("req-1")
///     .metadata(json!({ "resource": "resource://billing-api", "amount": 100 }));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is written by `AuditStream::record`"]
pub struct AuditRecord {
    event_type: String,
    decision: Decision,
    id: Option<String>,
    zone: Option<String>,
    request_id: Option<String>,
    evaluation_status: Option<String>,
    occurred_at: Option<String>,
    policy_set_id: Option<String>,
    policy_set_version_id: Option<String>,
    manifest_sha: Option<String>,
    determining_policies: Value,
    diagnostics: Value,
    metadata: Option<Value>,
}

impl AuditRecord {
    /// Creates an event of this type (`event_type`) with this decision.
    pub fn new(event_type: impl Into<String>, decision: Decision) -> Self {
        Self {
            event_type: event_type.into(),
            decision,
            id: None,
            zone: None,
            request_id: None,
            evaluation_status: None,
            occurred_at: None,
            policy_set_id: None,
            policy_set_version_id: None,
            manifest_sha: None,
            determining_policies: Value::Array(Vec::new()),
            diagnostics: Value::Array(Vec::new()),
            metadata: None,
        }
    }

    /// Sets the id (`id`). Readers use it to recognise duplicates.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the zone (`zone_id`), if it is not that of the stream.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets the id that connects the events of one request (`request_id`).
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets how far the evaluation got (`evaluation_status`), such as `complete` or `error`.
    pub fn evaluation_status(mut self, status: impl Into<String>) -> Self {
        self.evaluation_status = Some(status.into());
        self
    }

    /// Sets when it happened (`occurred_at`), in the format of RFC 3339.
    pub fn occurred_at(mut self, time: impl Into<String>) -> Self {
        self.occurred_at = Some(time.into());
        self
    }

    /// Sets the id of the policy set that decided (`policy_set_id`).
    pub fn policy_set_id(mut self, id: impl Into<String>) -> Self {
        self.policy_set_id = Some(id.into());
        self
    }

    /// Sets the version of that policy set (`policy_set_version_id`).
    pub fn policy_set_version_id(mut self, id: impl Into<String>) -> Self {
        self.policy_set_version_id = Some(id.into());
        self
    }

    /// Sets the hash of the policies' manifest (`manifest_sha`).
    pub fn manifest_sha(mut self, hash: impl Into<String>) -> Self {
        self.manifest_sha = Some(hash.into());
        self
    }

    /// Sets the policies that determined the decision (`determining_policies_json`),
    /// [redacted](super::redact).
    pub fn determining_policies(mut self, policies: Value) -> Self {
        self.determining_policies = redact(policies);
        self
    }

    /// Sets the reasons for the decision (`diagnostics_json`), [redacted](super::redact).
    pub fn diagnostics(mut self, diagnostics: Value) -> Self {
        self.diagnostics = redact(diagnostics);
        self
    }

    /// Sets additional data (`metadata_json`), [redacted](super::redact).
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(redact(metadata));
        self
    }

    /// Sets this crate's own metadata and diagnostics. Their names are known to be harmless, and
    /// their texts are already redacted.
    pub(super) fn with_own(mut self, diagnostics: Value, metadata: Map<String, Value>) -> Self {
        self.diagnostics = diagnostics;
        self.metadata = Some(Value::Object(metadata));
        self
    }

    /// Returns the fields `id` and `data` of the entry, as a reader of the stream sees them. For
    /// tests that compare an event with what its reader expects. Defaults are filled in, except the
    /// random id and the time, which the stream adds: they are empty.
    #[must_use]
    pub fn to_entry(&self, zone: &str) -> (String, String) {
        self.clone().finish(String::new(), zone, String::new())
    }

    /// Returns the id and the text that is signed. Missing values are taken from the arguments.
    pub(super) fn finish(self, id: String, zone: &str, occurred_at: String) -> (String, String) {
        let id = self.id.unwrap_or(id);
        let redacted = |text: &str| bounded(&redact_text(text)).to_owned();
        let text = |text: Option<String>| text.map_or(Value::Null, |text| redacted(&text).into());
        let request_id = self.request_id.map_or_else(|| bounded(&id).to_owned(), |id| redacted(&id));
        let mut event = Map::new();
        let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
        set("id", bounded(&id).into());
        set("zone_id", bounded(self.zone.as_deref().unwrap_or(zone)).into());
        set("event_type", redacted(&self.event_type).into());
        set("request_id", request_id.into());
        set("decision", self.decision.as_str().into());
        set("evaluation_status", redacted(self.evaluation_status.as_deref().unwrap_or("complete")).into());
        set("occurred_at", bounded(&self.occurred_at.unwrap_or(occurred_at)).into());
        set("policy_set_id", text(self.policy_set_id));
        set("policy_set_version_id", text(self.policy_set_version_id));
        set("manifest_sha", text(self.manifest_sha));
        set("determining_policies_json", self.determining_policies);
        set("diagnostics_json", self.diagnostics);
        set("metadata_json", self.metadata.unwrap_or(Value::Null));
        (bounded(&id).to_owned(), data_of(event))
    }
}

/// Returns the event as text, without metadata, diagnostics and policies if it is too large.
fn data_of(mut event: Map<String, Value>) -> String {
    let data = canonical(&Value::Object(event.clone()));
    if data.len() <= MAX_DATA_BYTES {
        return data;
    }
    let too_long = serde_json::json!([{ "code": "too_long", "bytes": data.len() }]);
    event.insert("determining_policies_json".to_owned(), Value::Array(Vec::new()));
    event.insert("diagnostics_json".to_owned(), too_long);
    event.remove("metadata_json");
    canonical(&Value::Object(event))
}

fn bounded(text: &str) -> &str {
    beginning(text, MAX_MEMBER_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "AKIAIOSFODNN7EXAMPLE";

    fn data(record: AuditRecord) -> Value {
        let (_, data) = record.finish("an id".to_owned(), "zone", "then".to_owned());
        serde_json::from_str(&data).unwrap()
    }

    #[test]
    fn what_is_missing_is_filled_in_and_nothing_is_null() {
        let expected = json!({
            "id": "an id", "zone_id": "zone", "event_type": "x", "request_id": "an id",
            "decision": "deny", "evaluation_status": "complete", "occurred_at": "then",
            "determining_policies_json": [], "diagnostics_json": [],
        });
        assert_eq!(data(AuditRecord::new("x", Decision::Deny)), expected);
    }

    #[test]
    fn what_an_application_says_is_redacted() {
        let record = AuditRecord::new("x", Decision::Allow)
            .metadata(json!({ "password": "p", "note": "Bearer abcdefgh12345678", SECRET: 1 }))
            .diagnostics(json!([{ "token": 1 }]))
            .determining_policies(json!([{ "secret": "s", "id": "baseline" }]));
        let data = data(record);
        let expected = json!({ "password": "***", "note": "Bearer ***", "***": 1 });
        assert_eq!(data["metadata_json"], expected);
        assert_eq!(data["diagnostics_json"], json!([{ "token": "***" }]));
        assert_eq!(data["determining_policies_json"], json!([{ "secret": "***", "id": "baseline" }]));
    }

    #[test]
    fn what_stands_beside_them_is_redacted_too() {
        let record = AuditRecord::new(format!("x {SECRET}"), Decision::Allow)
            .id("an id of its own")
            .request_id(SECRET)
            .evaluation_status(SECRET)
            .policy_set_id(SECRET)
            .policy_set_version_id(SECRET)
            .manifest_sha(SECRET);
        let data = data(record);
        assert_eq!((&data["id"], &data["event_type"]), (&json!("an id of its own"), &json!("x ***")));
        for name in
            ["request_id", "evaluation_status", "policy_set_id", "policy_set_version_id", "manifest_sha"]
        {
            assert_eq!(data[name], "***", "{name}");
        }
    }

    #[test]
    fn an_event_is_bounded() {
        let many: Vec<String> = vec!["x".repeat(8000); 8];
        let fits = data(AuditRecord::new("x", Decision::Allow).metadata(json!(many)));
        assert_eq!(fits["metadata_json"], json!(many));
        let more: Vec<String> = vec!["x".repeat(8000); 9];
        let record =
            AuditRecord::new("x".repeat(2000), Decision::Allow).metadata(json!(more)).id("é".repeat(600));
        let cut = data(record);
        assert_eq!(cut["diagnostics_json"][0]["code"], "too_long");
        assert_eq!(cut["metadata_json"], Value::Null);
        assert_eq!(cut["event_type"].as_str().unwrap().len(), MAX_MEMBER_BYTES);
        assert_eq!(cut["id"], cut["request_id"]);
    }
}
