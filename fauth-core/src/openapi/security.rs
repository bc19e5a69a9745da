//! What the document says of one operation.

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

/// What the document says of one operation because of its guard, or of a limit without one.
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
    /// Is there a guard? A limit alone says nothing of credentials.
    is_guarded: bool,
    limits: Vec<Value>,
    responses: BTreeMap<String, Value>,
    schemas: BTreeMap<String, Value>,
}

impl Security {
    /// What this guard asks for, of requests with this method, and how it refuses them.
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

    /// What these limits demand, without a guard. They leave what the operation says of credentials
    /// as it is.
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

    /// Whom it lets in, without any answer yet.
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

    /// Whoever meets one of these is let in. There is none if nothing is asked, and an empty one if
    /// a request may present nothing.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// What is required besides a user, as [`Access::to_json`](crate::access::Access::to_json)
    /// writes it: an object, which may be empty.
    #[must_use]
    pub const fn requirement(&self) -> &Value {
        &self.requirement
    }

    /// The answers to refused requests, as Response Objects by their status.
    #[must_use]
    pub const fn responses(&self) -> &BTreeMap<String, Value> {
        &self.responses
    }

    /// The schemas that the answers refer to, by their name in `components`.
    #[must_use]
    pub const fn schemas(&self) -> &BTreeMap<String, Value> {
        &self.schemas
    }

    #[cfg(feature = "utoipa")]
    pub(super) const fn is_limited(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Writes it into an Operation Object, beside what is there.
    ///
    /// - `security`: a request has to meet what is there and what the guard asks for, as with two
    ///   guards. What a document says in its own `security`, for all operations without one, no
    ///   longer counts for this operation.
    /// - [`x-requirement`](REQUIREMENT): the same.
    /// - [`x-rate-limit`](RATE_LIMIT): the limits of the guard, beside those that are there.
    /// - `responses`: an answer that is there keeps its words. It gets the headers and the body of
    ///   the guard's answer beside its own. A reference stays as it is. Behind a limit, every
    ///   answer gets the headers `RateLimit` and `RateLimit-Policy`.
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

    /// The answers that a guard gives.
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
        self.refuse(&malformed, "The credential or the path cannot be read", body);
        self.refuse(&Rejection::MissingCredential, "No valid credential", body);
        let forbidden = Rejection::Forbidden(Missing::Alternative);
        if *access == Access::Guests {
            self.refuse(&Rejection::GuestsOnly, "Somebody is logged in", body);
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

    /// The limits in front of the operation, and their answer.
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

const LACKS_A_RIGHT: &str = "The user or the credential lacks what `x-requirement` names";
const CROSS_SITE: &str =
    "a cookie is used, and the page that sent the request is not of the application's own";

fn header_of(rejection: &Rejection) -> Option<(&'static str, Value)> {
    match rejection {
        Rejection::MissingCredential | Rejection::InvalidCredentials => {
            let description = "What is missing or wrong (RFC 6750).";
            Some(("WWW-Authenticate", json!({ "description": description, "schema": { "type": "string" } })))
        }
        Rejection::Unavailable(_) | Rejection::TooManyRequests { .. } => {
            let description = "After how many seconds to try again.";
            Some(("Retry-After", json!({ "description": description, "schema": { "type": "integer" } })))
        }
        _ => None,
    }
}

/// What every answer behind a limit says of it.
fn limit_headers() -> Value {
    let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "RateLimit": header("Of each limit: how many requests pass now, and in how many seconds one more."),
        "RateLimit-Policy": header("Of each limit: how many requests pass in how many seconds."),
    })
}

/// May a user be refused who has presented a good credential?
fn may_lack_a_right<U: AuthUser>(auth: &AuthProvider<U>, access: &Access) -> bool {
    let Some(requirement) = access.requirement() else { return auth.has_api_keys() };
    let refuses_keys = auth.has_api_keys() && !requirement.admits_api_keys();
    refuses_keys || requirement.conditions().iter().any(asks_for_a_right)
}

/// A login that is too old is no missing right: it is answered as no login.
fn asks_for_a_right(condition: &Condition) -> bool {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => conditions.iter().any(asks_for_a_right),
        Condition::ApiKeys | Condition::LoginWithin(_) => false,
        Condition::Role(_) | Condition::Permission(_) | Condition::Scope(_) => true,
        // Another use is answered as no mandate at all.
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => !matches!(condition, MandateCondition::Use(_)),
    }
}

/// May a request be refused because of the page that sent it?
fn may_be_cross_site<U: AuthUser>(auth: &AuthProvider<U>, method: &str) -> bool {
    let is_attached = |transport: &dyn Transport| transport.is_ambient() || transport.may_be_attached();
    !csrf::is_safe_method(&method.to_ascii_uppercase()) && auth.transports().any(is_attached)
}
