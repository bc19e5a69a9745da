//! Checks whether an `OpenAPI` document describes what the application enforces. Works for any
//! framework, and for documents of your own applications.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use fauth_testing::{WireRequest, WireResponse, openapi::{Caller, check_document, walk}};
//! # use fauth_core::{Guard, Requirement, openapi::{Description, Security}};
//! # let auth = fauth_testing::provider().build().unwrap();
//! # let guard = Guard::new(&auth, Requirement::user().role("admin"));
//! # let mut get = serde_json::json!({ "responses": { "200": { "description": "All of them" } } });
//! # Security::of(&guard, "GET").stamp(&mut get);
//! # let paths = serde_json::json!({ "/reports": { "get": get } });
//! # let mut document = serde_json::json!({ "openapi": "3.1.0", "paths": paths });
//! # Description::of(&auth).complete(&mut document);
//! # let send = async |request: WireRequest| -> WireResponse {
//! #     let presented = guard.read(&request, None);
//! #     match guard.enter(presented).await {
//! #         Ok(_) => fauth_core::reply::Reply::new(200).into(),
//! #         Err(rejection) => guard.refuse(&rejection, &request).into(),
//! #     }
//! # };
//! check_document(&document);
//! let callers = [
//!     Caller::new("alice", ["default-bearer", "default-login"]).roles(["admin"]),
//!     Caller::new("bob", ["default-bearer", "default-login"]),
//! ];
//! let headers = async |caller: &Caller| {
//!     let pair = auth.login(&*caller.name).await.unwrap();
//!     vec![("authorization".to_owned(), format!("Bearer {}", pair.access_token().expose()))]
//! };
//! walk(&document, &callers, headers, send).await;
//! # });
//! ```

use std::{collections::BTreeSet, time::Duration};

use fauth_core::audit::{Audit, Entry, EntryKind};
use serde_json::Value;

use super::{WireRequest, WireResponse};

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// A caller of a document's operations, and its rights.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Caller {
    /// A name by which the test makes the headers of its requests.
    pub name: String,
    /// The security schemes whose credentials its requests present.
    pub schemes: Vec<String>,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// The permissions of the user.
    pub permissions: Vec<String>,
    /// The scopes of the token or the key.
    pub scopes: Vec<String>,
    /// Whether the credential is an API key.
    pub is_api_key: bool,
    /// The time since the login.
    pub login_age: Duration,
}

impl Caller {
    /// Creates a caller that presents a credential of these schemes: all names of one credential,
    /// or several credentials.
    pub fn new(name: &str, schemes: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { name: name.to_owned(), schemes: all(schemes), ..Self::default() }
    }

    /// Sets the roles of the user.
    #[must_use]
    pub fn roles(self, roles: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { roles: all(roles), ..self }
    }

    /// Sets the permissions of the user.
    #[must_use]
    pub fn permissions(self, permissions: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { permissions: all(permissions), ..self }
    }

    /// Sets the scopes of the token.
    #[must_use]
    pub fn scopes(self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { scopes: all(scopes), ..self }
    }

    /// Makes the credential an API key.
    #[must_use]
    pub fn api_key(self) -> Self {
        Self { is_api_key: true, ..self }
    }
}

fn all(names: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

/// A request that was sent, and its response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visit {
    /// Method and path, as in the document.
    pub operation: String,
    /// The name of the caller; `None` for the request without a credential.
    pub caller: Option<String>,
    /// The status.
    pub status: u16,
}

/// What the document promises a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    Passes,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// No promise: the body decides.
    Nothing,
}

/// Sends requests to each operation of the document, one without a credential and one for each of
/// the callers, and compares each response with the document.
///
/// `headers` makes the headers of a caller's request. It is called for each request, because some
/// requests end logins. Path parameters are set to `1`.
///
/// # Panics
/// If a response contradicts the document or is not listed there, or if an operation requires more
/// than a user and no caller, or every caller, meets that.
pub async fn walk(
    document: &Value,
    callers: &[Caller],
    headers: impl AsyncFn(&Caller) -> Vec<(String, String)>,
    send: impl AsyncFn(WireRequest) -> WireResponse,
) -> Vec<Visit> {
    let mut visits = Vec::new();
    for operation in operations(document) {
        let mut promises = Vec::new();
        for caller in std::iter::once(None).chain(callers.iter().map(Some)) {
            let promise = operation.promise(caller);
            promises.push(promise);
            let mut request = WireRequest::new(&operation.method.to_ascii_uppercase(), &operation.target());
            if let Some(caller) = caller {
                for (name, value) in headers(caller).await {
                    request = request.header(&name, value);
                }
            }
            let response = send(request).await;
            operation.compare(caller, promise, &response);
            let caller = caller.map(|caller| caller.name.clone());
            visits.push(Visit { operation: operation.name(), caller, status: response.status });
        }
        if operation.requires_more() {
            let name = operation.name();
            assert!(promises.contains(&Promise::Passes), "{name}: no caller has enough");
            let refused = promises.iter().skip(1).any(|promise| *promise != Promise::Passes);
            assert!(refused, "{name}: no caller lacks anything");
        }
    }
    assert!(!visits.is_empty(), "the document has no operation");
    visits
}

/// Compares a document with an audit of the same application: both must have the same routes and
/// ready-made endpoints, with the same requirements. A slash at the end of a path makes no
/// difference, nor does the order of combined requirements.
///
/// `except` lists the paths that only one of the two has, such as that of the document itself.
///
/// # Panics
/// If they differ. The message lists all differences.
#[track_caller]
pub fn compare(document: &Value, audit: &Audit, except: &[&str]) {
    let is_listed = |entry: &&Entry| {
        matches!(entry.kind(), EntryKind::Route | EntryKind::Endpoint)
            && entry.is_reachable()
            && !except.contains(&entry.path())
    };
    let entries: Vec<_> = audit.entries().iter().filter(is_listed).collect();
    let mut operations = operations(document);
    operations.retain(|operation| !except.contains(&operation.path));
    let mut faults = Vec::new();
    for operation in &operations {
        let same: Vec<_> = entries.iter().filter(|entry| operation.is_that_of(entry)).collect();
        if same.is_empty() {
            faults.push(format!("{} is in the document only", operation.name()));
        }
        let other = same.iter().filter(|entry| !operation.says_the_same(entry));
        faults.extend(other.map(|entry| {
            format!("{} asks for `{}`, and the document says otherwise", operation.name(), entry.access())
        }));
    }
    for entry in entries {
        if !operations.iter().any(|operation| operation.is_that_of(entry)) {
            faults.push(format!("{} {} is in the audit only", entry.method().unwrap_or("any"), entry.path()));
        }
    }
    assert!(faults.is_empty(), "{}\n\n{audit}", faults.join("\n"));
}

/// Normalises a requirement to a set of conditions that must all hold: those of `all_of` count like
/// those beside it, in any order.
fn normal(requirement: &Value) -> BTreeSet<String> {
    let Some(members) = requirement.as_object() else {
        return BTreeSet::from([requirement.to_string()]);
    };
    let mut conditions = BTreeSet::new();
    for (name, wanted) in members {
        let parts = wanted.as_array().into_iter().flatten();
        match name.as_str() {
            "all_of" => conditions.extend(parts.flat_map(normal)),
            "roles" | "permissions" | "scopes" => {
                conditions.extend(parts.map(|part| format!("{name} {part}")));
            }
            "any_of" => {
                let alternatives: BTreeSet<_> = parts.map(normal).collect();
                conditions.insert(format!("{name} {alternatives:?}"));
            }
            "any_role" | "any_permission" | "any_scope" => {
                let alternatives: BTreeSet<_> = parts.map(Value::to_string).collect();
                conditions.insert(format!("{name} {alternatives:?}"));
            }
            _ => drop(conditions.insert(format!("{name} {wanted}"))),
        }
    }
    conditions
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    described: &'a Value,
    security: Option<&'a Value>,
    schemes: &'a Value,
}

/// Operations that end all logins of a user come last.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS {
            let Some(described) = item.get(method) else { continue };
            let security = described.get("security").or_else(|| document.get("security"));
            let schemes = document.pointer("/components/securitySchemes").unwrap_or(&Value::Null);
            operations.push(Operation { path, method, described, security, schemes });
        }
    }
    let id = |operation: &Operation<'_>| operation.described["operationId"].as_str().unwrap_or("").to_owned();
    operations.sort_by_key(|operation| id(operation).ends_with("-logout-all"));
    operations
}

impl Operation<'_> {
    fn is_that_of(&self, entry: &Entry) -> bool {
        let method = entry.method().is_none_or(|method| method.eq_ignore_ascii_case(self.method));
        let path = |path: &str| path.trim_end_matches('/').replace("{*", "{");
        method && path(self.path) == path(entry.path())
    }

    fn says_the_same(&self, entry: &Entry) -> bool {
        let nothing = Value::Object(serde_json::Map::new());
        let admits_anonymous = self.is_open() || self.alternatives().any(serde_json::Map::is_empty);
        let access = entry.access();
        admits_anonymous == access.admits_anonymous()
            && normal(self.requirement().unwrap_or(&nothing)) == normal(&access.to_json())
    }

    fn name(&self) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.path)
    }

    fn target(&self) -> String {
        let mut target = String::new();
        for (at, part) in self.path.split('{').enumerate() {
            match part.split_once('}') {
                Some((_, rest)) if at > 0 => target.extend(["1", rest]),
                _ => target.push_str(part),
            }
        }
        target
    }

    fn alternatives(&self) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
        let alternatives = self.security.and_then(Value::as_array).into_iter().flatten();
        alternatives.map(|alternative| alternative.as_object().expect("an alternative is an object"))
    }

    fn requirement(&self) -> Option<&Value> {
        self.described.get("x-requirement")
    }

    fn requires_more(&self) -> bool {
        let members = self.requirement().and_then(Value::as_object);
        members.is_some_and(|members| members.keys().any(|name| name != "allow_api_keys"))
    }

    fn is_for_guests(&self) -> bool {
        self.requirement().is_some_and(|requirement| requirement["guests"] == true)
    }

    fn is_open(&self) -> bool {
        self.alternatives().next().is_none()
    }

    /// Whether the operation reads a credential from the body, which these requests lack: a login,
    /// and the ready-made logout, which also reads it from elsewhere.
    fn reads_credential(&self) -> bool {
        let Some(body) = self.described.get("requestBody") else { return false };
        let is_logout = references(body).contains(&"#/components/schemas/AuthLogout");
        (self.is_open() || is_logout) && self.described["responses"].get("401").is_some()
    }

    fn promise(&self, caller: Option<&Caller>) -> Promise {
        let may_present_nothing = self.is_open() || self.alternatives().any(serde_json::Map::is_empty);
        match caller {
            _ if self.is_open() && self.reads_credential() => Promise::Nothing,
            Some(_) if self.is_for_guests() => Promise::Forbidden,
            _ if self.is_open() => Promise::Passes,
            None if may_present_nothing && self.reads_credential() => Promise::Nothing,
            None if may_present_nothing => Promise::Passes,
            None => Promise::Unauthenticated,
            Some(caller) => self.promise_to(caller),
        }
    }

    fn promise_to(&self, caller: &Caller) -> Promise {
        let alternatives = self.alternatives().filter(|alternative| !alternative.is_empty());
        let presented: Vec<_> =
            alternatives.filter(|wanted| wanted.keys().all(|name| caller.schemes.contains(name))).collect();
        if presented.is_empty() && self.reads_credential() {
            return Promise::Nothing;
        }
        if presented.is_empty() {
            // A key in place of a token is recognised, but not sufficient.
            let is_known = caller.is_api_key && self.asks_for_application_of(caller);
            let is_optional = self.alternatives().any(serde_json::Map::is_empty);
            return match is_known {
                true => Promise::Forbidden,
                false if is_optional && !self.reads_credential_of(caller) => Promise::Passes,
                false => Promise::Unauthenticated,
            };
        }
        let met = self.requirement().map_or_else(Met::default, |requirement| Met::of(requirement, caller));
        let with_scopes: Vec<_> = presented.iter().filter(|wanted| has_scopes(wanted)).collect();
        if met.holds && !with_scopes.is_empty() {
            let is_enough = |wanted: &serde_json::Map<String, Value>| {
                wanted.values().all(|scopes| includes(&caller.scopes, scopes))
            };
            assert!(
                presented.iter().any(|wanted| is_enough(wanted)),
                "{}: `security` asks for other scopes than `x-requirement`",
                self.name(),
            );
        }
        match met {
            Met { holds: false, .. } => Promise::Forbidden,
            Met { admits_keys: false, .. } if caller.is_api_key => Promise::Forbidden,
            Met { is_stale: true, .. } => Promise::Unauthenticated,
            _ => Promise::Passes,
        }
    }

    /// Whether a credential of another application is where this application reads its own.
    fn reads_credential_of(&self, caller: &Caller) -> bool {
        let place = |name: &str| ["scheme", "in", "name"].map(|member| self.schemes[name].get(member));
        let mut read = self.alternatives().flat_map(serde_json::Map::keys);
        read.any(|read| caller.schemes.iter().any(|own| place(own) == place(read)))
    }

    /// The names of schemes begin with that of their application.
    fn asks_for_application_of(&self, caller: &Caller) -> bool {
        let first = |name: &str| name.split('-').next().map(str::to_owned);
        let mut asked = self.alternatives().flat_map(serde_json::Map::keys);
        asked.any(|asked| caller.schemes.iter().any(|own| first(own) == first(asked)))
    }

    #[track_caller]
    fn compare(&self, caller: Option<&Caller>, promise: Promise, response: &WireResponse) {
        let (status, name) = (response.status, self.name());
        let who = caller.map_or("without a credential", |caller| &caller.name);
        let is_right = match promise {
            Promise::Nothing => true,
            Promise::Unauthenticated => status == 401,
            Promise::Forbidden => status == 403,
            Promise::Passes if self.method == "get" => (200..400).contains(&status),
            // Missing bodies or parameters are refused by the handler.
            Promise::Passes => !matches!(status, 401 | 403 | 405 | 500..),
        };
        assert!(is_right, "{name}, {who}: the document promises {promise:?}, the answer is {response:?}");
        if matches!(status, 401 | 403) {
            let documented = self.described["responses"].get(status.to_string());
            let documented =
                documented.unwrap_or_else(|| panic!("{name}, {who}: {status} is not documented"));
            self.compare_answer(documented, response);
        }
    }

    #[track_caller]
    fn compare_answer(&self, documented: &Value, response: &WireResponse) {
        let name = self.name();
        if let Some(content) = documented.get("content").and_then(Value::as_object)
            && self.method != "head"
        {
            let content_type = response.header("content-type").concat();
            assert!(content.contains_key(&content_type), "{name}: {content_type:?} is not documented");
        }
        for header in documented.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let name_of_header = header.0.to_ascii_lowercase();
            assert!(!response.header(&name_of_header).is_empty(), "{name}: no header {name_of_header}");
        }
    }
}

fn has_scopes(alternative: &serde_json::Map<String, Value>) -> bool {
    alternative.values().any(|scopes| scopes.as_array().is_some_and(|scopes| !scopes.is_empty()))
}

fn includes(own: &[String], wanted: &Value) -> bool {
    names(wanted).iter().all(|name| own.contains(name))
}

fn includes_any(own: &[String], wanted: &Value) -> bool {
    names(wanted).iter().any(|name| own.contains(name))
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list of names");
    list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// Whether the conditions of `x-requirement` are met.
#[derive(Debug, Clone, Copy)]
struct Met {
    holds: bool,
    is_stale: bool,
    admits_keys: bool,
}

/// Requires nothing but a user.
impl Default for Met {
    fn default() -> Self {
        Self { holds: true, is_stale: false, admits_keys: false }
    }
}

impl Met {
    fn of(requirement: &Value, caller: &Caller) -> Self {
        let mut met = Self::default();
        let mut parts_admit_keys = true;
        for (name, wanted) in requirement.as_object().expect("`x-requirement` is an object") {
            match name.as_str() {
                "roles" => met.holds &= includes(&caller.roles, wanted),
                "permissions" => met.holds &= includes(&caller.permissions, wanted),
                "any_role" => met.holds &= includes_any(&caller.roles, wanted),
                "any_permission" => met.holds &= includes_any(&caller.permissions, wanted),
                "scopes" => {
                    met.holds &= includes(&caller.scopes, wanted);
                    met.admits_keys = true;
                }
                "any_scope" => {
                    met.holds &= includes_any(&caller.scopes, wanted);
                    met.admits_keys = true;
                }
                "allow_api_keys" => met.admits_keys = true,
                "allow_inactive" => {}
                "login_within" => {
                    met.is_stale |= caller.login_age.as_secs() > wanted.as_u64().expect("seconds");
                }
                "any_of" => {
                    let alternatives = wanted.as_array().expect("a list").iter();
                    let alternatives: Vec<_> = alternatives.map(|part| Self::of(part, caller)).collect();
                    let fulfilled = || alternatives.iter().filter(|part| part.holds);
                    met.holds &= fulfilled().next().is_some();
                    met.admits_keys |= fulfilled().any(|part| part.admits_keys);
                    met.is_stale |= fulfilled().all(|part| part.is_stale);
                }
                "all_of" => {
                    for part in wanted.as_array().expect("a list").iter().map(|part| Self::of(part, caller)) {
                        met.holds &= part.holds;
                        met.is_stale |= part.is_stale;
                        parts_admit_keys &= part.admits_keys;
                        met.admits_keys |= part.admits_keys;
                    }
                }
                other => panic!("`x-requirement` has the unknown member {other}"),
            }
        }
        met.admits_keys &= parts_admit_keys;
        met
    }
}

/// Checks that the document is well-formed: ids of operations are unique, references resolve, and
/// schemes, scopes and path parameters are declared.
///
/// # Panics
/// If it is not.
pub fn check_document(document: &Value) {
    let version = document["openapi"].as_str().expect("`openapi` is the version");
    assert!(version.starts_with("3."), "{version}");
    for reference in references(document) {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let schemes = document.pointer("/components/securitySchemes").and_then(Value::as_object);
    let mut ids = BTreeSet::new();
    for operation in operations(document) {
        let name = operation.name();
        if let Some(id) = operation.described.get("operationId") {
            assert!(ids.insert(id.to_string()), "{name}: the id {id} is there twice");
        }
        for (scheme, scopes) in operation.alternatives().flatten() {
            let declared = schemes.and_then(|schemes| schemes.get(scheme));
            let declared = declared.unwrap_or_else(|| panic!("{name}: the scheme {scheme} is not declared"));
            // The scopes of an issuer are in its own document.
            if declared["type"] == "openIdConnect" {
                assert!(declared["openIdConnectUrl"].is_string(), "{name}: {scheme} leads nowhere");
                continue;
            }
            let is_oauth2 = declared["type"] == "oauth2";
            for scope in names(scopes) {
                let flow = &declared["flows"]["password"]["scopes"];
                assert!(is_oauth2 && flow.get(&scope).is_some(), "{name}: {scheme} has no scope {scope}");
            }
        }
        check_parameters(&operation);
        assert!(operation.described["responses"].is_object(), "{name}: no responses");
    }
}

fn check_parameters(operation: &Operation<'_>) {
    let declared = operation.described.get("parameters").and_then(Value::as_array);
    let declared = declared.into_iter().flatten().filter(|parameter| parameter["in"] == "path");
    let declared: BTreeSet<_> = declared.filter_map(|parameter| parameter["name"].as_str()).collect();
    let in_path = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    assert_eq!(declared, in_path.collect(), "{}: the parameters of the path", operation.name());
}

fn references(value: &Value) -> Vec<&str> {
    let below = |value| -> Vec<&str> { references(value) };
    match value {
        Value::Array(values) => values.iter().flat_map(below).collect(),
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(below)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use fauth_core::{
        Guard, Requirement,
        audit::{Methods, Precedence, RouteRecord},
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn requirements_are_compared_as_what_they_ask_for() {
        let flat = json!({ "roles": ["a", "b"], "permissions": ["p"] });
        for same in [
            json!({ "permissions": ["p"], "roles": ["b", "a"] }),
            json!({ "all_of": [{ "roles": ["a"] }, { "all_of": [{ "roles": ["b"], "permissions": ["p"] }] }] }),
        ] {
            assert_eq!(normal(&flat), normal(&same), "{same}");
        }
        for other in [
            json!({}),
            json!({ "roles": ["a", "b"] }),
            json!({ "roles": ["a", "p"], "permissions": ["b"] }),
            json!({ "any_of": [{ "roles": ["a", "b"] }, { "permissions": ["p"] }] }),
            json!({ "any_role": ["a", "b"], "permissions": ["p"] }),
        ] {
            assert_ne!(normal(&flat), normal(&other), "{other}");
        }
    }

    fn routes(method: &str) -> (Value, RouteRecord) {
        let auth = crate::provider().build().unwrap();
        let guard = Guard::new(&auth, Requirement::user());
        let operation = json!({ "security": [{ "default-bearer": [] }], "responses": {} });
        let mut record = RouteRecord::new(Precedence::most_specific());
        record.guarded(&Methods::of([method]), "/x", guard.declaration());
        (json!({ "paths": { "/x": { method.to_ascii_lowercase(): operation } } }), record)
    }

    #[test]
    fn paths_that_are_excepted_may_be_in_one_only() {
        for method in ["GET", "QUERY"] {
            let (document, mut record) = routes(method);
            record.open(&Methods::of(["GET"]), "/openapi.json");
            compare(&document, &record.audit(), &["/openapi.json"]);
        }
    }

    #[test]
    #[should_panic(expected = "GET /openapi.json is in the audit only")]
    fn others_may_not() {
        let (document, mut record) = routes("GET");
        record.open(&Methods::of(["GET"]), "/openapi.json");
        compare(&document, &record.audit(), &[]);
    }
}
