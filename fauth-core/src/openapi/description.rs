//! Document-wide parts: schemes, scopes, and the schemas that answers refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    combine::{alternatives_of, object_in, to_security},
    endpoints,
    members::{Alternative, METHODS},
    schemas,
    schemes::{self, Scheme},
};
use crate::{provider::AuthProvider, routes::Endpoint, user::AuthUser};

/// The document-wide part of one provider. Apply it when all operations are in the document; if
/// several providers share a document, apply that of each.
///
/// ```
/// use fauth_core::{Guard, Requirement, openapi::{Description, Security}};
/// use serde_json::json;
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let mut reports = json!({ "responses": { "200": { "description": "All reports" } } });
/// Security::of(&Guard::new(&auth, Requirement::user().scope("read")), "GET").stamp(&mut reports);
///
/// let mut document = json!({ "openapi": "3.1.0", "paths": { "/reports": { "get": reports } } });
/// Description::of(&auth).token_url("/api/login?deliver=body").complete(&mut document);
///
/// let schemes = &document["components"]["securitySchemes"];
/// assert_eq!(schemes["default-bearer"]["scheme"], "bearer");
/// assert_eq!(schemes["default-login"]["flows"]["password"]["scopes"], json!({ "read": "" }));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it changes a document only by `complete`"]
pub struct Description<'a, U> {
    auth: &'a AuthProvider<U>,
    token_url: Option<String>,
}

impl<'a, U: AuthUser> Description<'a, U> {
    /// The description of this provider.
    pub const fn of(auth: &'a AuthProvider<U>) -> Self {
        Self { auth, token_url: None }
    }

    /// Sets the URL at which clients exchange a user name and password for tokens. Default: the
    /// path of the ready-made login in the document, wherever it is mounted; without one, the
    /// document has no such scheme.
    ///
    /// Set it for a custom login that accepts the same form (RFC 6749 section 4.3.2), or if the
    /// document is served for another base URL.
    pub fn token_url(self, url: impl Into<String>) -> Self {
        Self { token_url: Some(url.into()), ..self }
    }

    /// The prefix of the scheme names.
    #[cfg(feature = "utoipa")]
    pub(super) fn prefix(&self) -> String {
        format!("{}-", self.auth.application())
    }

    /// Adds to the document the security schemes that its operations name, the scopes that they
    /// require, and the schemas that the answers of guards and endpoints refer to. Calling it twice
    /// changes nothing.
    pub fn complete(&self, document: &mut Value) {
        let schemes = schemes::of(self.auth);
        let flow = self.flow(document, &schemes);
        if flow.is_none() {
            remove_alternatives(document, &schemes);
        }
        let used = used_schemes(document);
        let Some(document) = document.as_object_mut() else { return };
        let Some(components) = object_in(document, "components") else { return };
        if let Some(described) = object_in(components, "securitySchemes") {
            let flow = flow.unwrap_or_default();
            for scheme in schemes.iter().filter(|scheme| used.contains(&scheme.name)) {
                described.insert(scheme.name.clone(), scheme.to_json(&flow));
            }
        }
        self.add_schemas(document);
    }

    /// The flow of the login; `None` if there is no URL for it.
    fn flow(&self, document: &Value, schemes: &[Scheme]) -> Option<Value> {
        let application = self.auth.application();
        let path_of = |endpoint| path_of(document, &endpoints::id(application, endpoint));
        let found = || path_of(Endpoint::Login).map(|path| format!("{path}?{}", endpoints::DELIVER_BODY));
        let token_url = self.token_url.clone().or_else(found)?;
        let is_login = |name: &String| schemes.iter().any(|scheme| scheme.is_login() && scheme.name == *name);
        let asked = alternatives_in(document).into_iter().flatten();
        let asked = asked.filter(|(name, _)| is_login(name)).flat_map(|(_, scopes)| scopes);
        let scopes: Map<String, Value> = asked.map(|scope| (scope, json!(""))).collect();
        let mut flow = Map::from_iter([
            ("tokenUrl".to_owned(), json!(token_url)),
            ("scopes".to_owned(), Value::Object(scopes)),
        ]);
        if let Some(path) = path_of(Endpoint::Refresh) {
            flow.insert("refreshUrl".to_owned(), json!(path));
        }
        Some(Value::Object(flow))
    }

    fn add_schemas(&self, document: &mut Map<String, Value>) {
        let referred = referred_schemas(&Value::Object(document.clone()));
        let Some(components) = object_in(document, "components") else { return };
        let Some(described) = object_in(components, "schemas") else { return };
        let refusal = self.auth.renderer().describe();
        let refusal = refusal.map(|body| (body.name().to_owned(), body.schema().clone()));
        for (name, schema) in schemas::all().chain(refusal) {
            if referred.contains(&name) {
                described.entry(name).or_insert(schema);
            }
        }
    }
}

impl<'a, U: AuthUser> From<&'a AuthProvider<U>> for Description<'a, U> {
    fn from(auth: &'a AuthProvider<U>) -> Self {
        Self::of(auth)
    }
}

/// The path of the operation with this id.
fn path_of(document: &Value, id: &str) -> Option<String> {
    let paths = document.get("paths")?.as_object()?;
    let is_it = |operation: &Value| operation.get("operationId").and_then(Value::as_str) == Some(id);
    let (path, _) = paths.iter().find(|(_, item)| operations(item).any(is_it))?;
    Some(path.clone())
}

fn operations(item: &Value) -> impl Iterator<Item = &Value> {
    METHODS.iter().filter_map(|method| item.get(method))
}

fn items(document: &Value) -> impl Iterator<Item = &Value> {
    document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values)
}

/// Every alternative of every operation.
fn alternatives_in(document: &Value) -> Vec<Alternative> {
    let operations = items(document).flat_map(operations);
    let all = operations.chain(std::iter::once(document));
    all.flat_map(|holder| alternatives_of(holder.get("security"))).collect()
}

fn used_schemes(document: &Value) -> BTreeSet<String> {
    alternatives_in(document).into_iter().flat_map(Alternative::into_keys).collect()
}

/// Removes the alternatives of a login that does not exist. A bearer token is another alternative
/// and stays, and so does the only alternative of an operation.
fn remove_alternatives(document: &mut Value, schemes: &[Scheme]) {
    let login: Vec<_> = schemes.iter().filter(|scheme| scheme.is_login()).collect();
    let is_possible =
        |alternative: &Alternative| !login.iter().any(|scheme| alternative.contains_key(&scheme.name));
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = items.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    let operations = items
        .flat_map(Map::iter_mut)
        .filter(|(name, _)| METHODS.contains(&name.as_str()))
        .map(|(_, operation)| operation);
    for operation in operations {
        let Some(security) = operation.get_mut("security") else { continue };
        let mut alternatives = alternatives_of(Some(security));
        let all = alternatives.len();
        alternatives.retain(is_possible);
        // An empty list would declare the operation open.
        if (1..all).contains(&alternatives.len()) {
            *security = to_security(&alternatives);
        }
    }
}

/// The names of the schemas that are referred to in the document.
fn referred_schemas(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                names.extend(
                    reference.and_then(|to| to.strip_prefix("#/components/schemas/")).map(str::to_owned),
                );
                open.extend(members.values());
            }
            _ => {}
        }
    }
    names
}
