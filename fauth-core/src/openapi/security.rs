//! The description of a single operation.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    combine,
    members::{Alternative, RATE_LIMIT, REQUIREMENT},
    schemes,
};
#[cfg(feature = "mandates")]
use crate::requirement::MandateCondition;
use crate::{
    access::Access,
    csrf,
    guard::Guard,
    limit::Limit,
    limiter::Limiter,
    provider::AuthProvider,
    rejection::{MalformedCredential, OriginFault, RefusalBody, Rejection, Unavailable},
    requirement::{Condition, Missing},
    transport::Transport,
    user::AuthUser,
};

/// What the document says about one operation with a guard, or with a limit but no guard.
///
/// ```
/// use fauth_core::{Guard, Requirement, openapi::Security};
/// use serde_json::json;
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let guard = Guard::new(&auth, Requirement::user().role("admin"));
/// let mut operation = json!({ "responses": { "200": { "description": "All reports" } } });
/// Security::of(&guard, "GET").stamp(&mut operation);
///
/// assert_eq!(operation["security"], json!([{ "default-login": [] }, { "default-bearer": [] }]));
/// assert_eq!(operation["x-requirement"], json!({ "roles": ["admin"] }));
/// assert!(operation["responses"]["403"]["content"]["application/problem+json"].is_object());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Security {
    alternatives: Vec<Alternative>,
    requirement: Value,
    /// Whether there is a guard. A limit alone says nothing about credentials.
    is_guarded: bool,
    limits: Vec<Value>,
    responses: BTreeMap<String, Value>,
    schemas: BTreeMap<String, Value>,
}

impl Security {
    /// The requirements of this guard for requests with this method, and its refusals.
    #[must_use]
    pub fn of<U: AuthUser>(guard: &Guard<U>, method: &str) -> Self {
        let mut security = Self::new(guard.provider(), &guard.access());
        security.refuse_as_guards(
            guard.provider(),
            &guard.access(),
            method,
            guard.describe_refusals().as_ref(),
        );
        security.limit(guard.limits(), guard.describe_refusals().as_ref());
        security
    }

    /// The description of these limits, without a guard. What the operation says about credentials
    /// is left unchanged.
    ///
    /// ```
    /// use fauth_core::{Limiter, openapi::{RATE_LIMIT, Security}};
    /// use serde_json::json;
    /// # let auth = fauth_testing::provider().build().unwrap();
    ///
    /// let limiter = Limiter::new(&auth, "5/minute");
    /// let mut operation = json!({ "responses": { "200": { "description": "What was found" } } });
    /// Security::of_limits(&limiter).stamp(&mut operation);
    ///
    /// assert_eq!(operation[RATE_LIMIT], json!([{ "limit": "5/minute", "per": "address" }]));
    /// assert!(operation["responses"]["429"]["headers"]["Retry-After"].is_object());
    /// assert!(operation["responses"]["200"]["headers"]["RateLimit"].is_object());
    /// assert!(operation.get("security").is_none());
    /// ```
    #[must_use]
    pub fn of_limits<U: AuthUser>(limiter: &Limiter<U>) -> Self {
        let mut security = Self { is_guarded: false, ..Self::new(limiter.provider(), &Access::Open) };
        security.limit(limiter.limits(), limiter.describe_refusals().as_ref());
        security
    }

    /// The access rule, without any answers yet.
    pub(super) fn new<U: AuthUser>(auth: &AuthProvider<U>, access: &Access) -> Self {
        Self {
            alternatives: schemes::alternatives(auth, access),
            requirement: access.to_json(),
            is_guarded: true,
            limits: Vec::new(),
            responses: BTreeMap::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// The alternatives, one of which a request must meet. Empty if nothing is required; one of
    /// them is empty if a credential is optional.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// The requirement besides a user, as [`Access::to_json`](crate::access::Access::to_json)
    /// writes it: an object, which may be empty.
    #[must_use]
    pub const fn requirement(&self) -> &Value {
        &self.requirement
    }

    /// The answers to refused requests: Response Objects by status.
    #[must_use]
    pub const fn responses(&self) -> &BTreeMap<String, Value> {
        &self.responses
    }

    /// The schemas that the answers refer to, by their names in `components`.
    #[must_use]
    pub const fn schemas(&self) -> &BTreeMap<String, Value> {
        &self.schemas
    }

    #[cfg(feature = "utoipa")]
    pub(super) const fn is_limited(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Merges it into an Operation Object.
    ///
    /// - `security`: a request must meet both the existing alternatives and those of the guard, as
    ///   with two guards. The document's own `security`, which is for all operations without one,
    ///   then no longer applies to this operation.
    /// - [`x-requirement`](REQUIREMENT): the same.
    /// - [`x-rate-limit`](RATE_LIMIT): the limits of the guard are added to the existing ones.
    /// - `responses`: an existing answer keeps its description, and gets the headers and the body
    ///   of the guard's answer in addition to its own. A reference is left unchanged. Behind a
    ///   limit, every answer gets the headers `RateLimit` and `RateLimit-Policy`.
    pub fn stamp(&self, operation: &mut Value) {
        let Some(members) = operation.as_object_mut() else { return };
        if self.is_guarded {
            let security = combine::alternatives_of(members.get("security"));
            let security = combine::both(&security, &self.alternatives);
            members.insert("security".to_owned(), combine::to_security(&security));
        }
        let requirement = combine::both_required(members.get(REQUIREMENT), &self.requirement);
        if requirement.as_object().is_some_and(|members| !members.is_empty()) {
            members.insert(REQUIREMENT.to_owned(), requirement);
        }
        if !self.limits.is_empty() {
            let limits = members.entry(RATE_LIMIT).or_insert_with(|| json!([]));
            if let Some(limits) = limits.as_array_mut() {
                limits.extend(self.limits.iter().cloned());
            }
        }
        let Some(responses) = combine::object_in(members, "responses") else { return };
        for (status, response) in &self.responses {
            match responses.get_mut(status) {
                Some(kept) => combine::complete_response(kept, response),
                None => drop(responses.insert(status.clone(), response.clone())),
            }
        }
        if !self.limits.is_empty() {
            let fields = json!({ "headers": limit_headers() });
            responses.values_mut().for_each(|response| combine::complete_response(response, &fields));
        }
    }

    /// Adds the answers of a guard.
    pub(super) fn refuse_as_guards<U: AuthUser>(
        &mut self,
        auth: &AuthProvider<U>,
        access: &Access,
        method: &str,
        body: Option<&RefusalBody>,
    ) {
        if *access == Access::Open {
            return;
        }
        let malformed = Rejection::MalformedCredential(MalformedCredential::Grammar);
        self.refuse(&malformed, "The credential is malformed or the path is ambiguous", body);
        self.refuse(&Rejection::MissingCredential, "No valid credential", body);
        let forbidden = Rejection::Forbidden(Missing::Alternative);
        if *access == Access::Guests {
            self.refuse(&Rejection::GuestsOnly, "A user is logged in", body);
            return self.refuse_unavailable(body);
        }
        match (may_lack_a_right(auth, access), may_be_cross_site(auth, method)) {
            (true, false) => self.refuse(&forbidden, LACKS_A_RIGHT, body),
            (true, true) => self.refuse(&forbidden, &format!("{LACKS_A_RIGHT}, or {CROSS_SITE}"), body),
            (false, true) => self.refuse_cross_site(body),
            (false, false) => {}
        }
        self.refuse_unavailable(body);
    }

    /// Adds the limits in front of the operation, and their answer.
    pub(super) fn limit<'l>(&mut self, limits: impl Iterator<Item = &'l Limit>, body: Option<&RefusalBody>) {
        self.limits = limits.map(Limit::to_json).collect();
        if !self.limits.is_empty() {
            let limited = Rejection::TooManyRequests { retry_after: Duration::ZERO };
            self.refuse(&limited, "More requests than `x-rate-limit` allows", body);
            self.refuse_unavailable(body);
        }
    }

    pub(super) fn refuse_cross_site(&mut self, body: Option<&RefusalBody>) {
        let rejection = Rejection::CrossSiteRequest(OriginFault::Missing);
        self.refuse(&rejection, &format!("The request is refused: {CROSS_SITE}"), body);
    }

    pub(super) fn refuse_unavailable(&mut self, body: Option<&RefusalBody>) {
        self.refuse(&Rejection::Unavailable(Unavailable::Loader), "Try again later", body);
    }

    /// Adds the answer to this rejection.
    pub(super) fn refuse(&mut self, rejection: &Rejection, description: &str, body: Option<&RefusalBody>) {
        let mut response = Map::new();
        response.insert("description".to_owned(), json!(description));
        if let Some((name, header)) = header_of(rejection) {
            response.insert("headers".to_owned(), json!({ name: header }));
        }
        if let Some(body) = body {
            let reference = format!("#/components/schemas/{}", body.name());
            response.insert(
                "content".to_owned(),
                json!({ body.media_type(): { "schema": { "$ref": reference } } }),
            );
            self.schemas.insert(body.name().to_owned(), body.schema().clone());
        }
        self.responses.insert(rejection.status().to_string(), Value::Object(response));
    }
}

const LACKS_A_RIGHT: &str = "The user or the credential does not meet `x-requirement`";
const CROSS_SITE: &str = "a cookie is used, and the request was not sent by a page of the application";

fn header_of(rejection: &Rejection) -> Option<(&'static str, Value)> {
    match rejection {
        Rejection::MissingCredential | Rejection::InvalidCredentials => {
            let description = "The challenge (RFC 6750).";
            Some(("WWW-Authenticate", json!({ "description": description, "schema": { "type": "string" } })))
        }
        Rejection::Unavailable(_) | Rejection::TooManyRequests { .. } => {
            let description = "Seconds to wait before trying again.";
            Some(("Retry-After", json!({ "description": description, "schema": { "type": "integer" } })))
        }
        _ => None,
    }
}

/// The headers of every answer behind a limit.
fn limit_headers() -> Value {
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "RateLimit": header("For each limit: requests left, and seconds until there is one more."),
        "RateLimit-Policy": header("For each limit: the number of requests and the window in seconds."),
    })
}

/// Returns whether a user with a valid credential may be refused.
fn may_lack_a_right<U: AuthUser>(auth: &AuthProvider<U>, access: &Access) -> bool {
    let Some(requirement) = access.requirement() else { return auth.has_api_keys() };
    let refuses_keys = auth.has_api_keys() && !requirement.admits_api_keys();
    refuses_keys || requirement.conditions().iter().any(asks_for_a_right)
}

/// A login that is too old is not a missing right: it is answered like no login.
fn asks_for_a_right(condition: &Condition) -> bool {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => conditions.iter().any(asks_for_a_right),
        Condition::ApiKeys | Condition::LoginWithin(_) => false,
        Condition::Role(_) | Condition::Permission(_) | Condition::Scope(_) => true,
        // A mandate for another use is answered like no mandate at all.
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => !matches!(condition, MandateCondition::Use(_)),
    }
}

/// Returns whether a request may be refused because of the page that sent it.
fn may_be_cross_site<U: AuthUser>(auth: &AuthProvider<U>, method: &str) -> bool {
    let is_attached = |transport: &dyn Transport| transport.is_ambient() || transport.may_be_attached();
    !csrf::is_safe_method(&method.to_ascii_uppercase()) && auth.transports().any(is_attached)
}
