//! The same with the types of the crate [`utoipa`], for adapters whose documents use it.
//!
//! Only fauth's own parts are converted from JSON. What the author wrote is left unchanged.

use std::{borrow::Cow, collections::BTreeMap, mem};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    Components, OpenApi, PathItem, RefOr, Schema,
    extensions::Extensions,
    path::{Operation, Paths},
};

use super::{
    description::Description,
    endpoints::endpoints,
    members::{RATE_LIMIT, REQUIREMENT},
    security::Security,
};
use crate::{
    guard::Guard, limiter::Limiter, mounts::Mounts, protection::Protection, provider::AuthProvider,
    user::AuthUser,
};

/// Schemas with their names in the document.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// Adds the requirements of `guard` to every operation of these paths; see [`Security::stamp`].
/// Returns the schemas that they then refer to.
pub fn stamp<U: AuthUser>(guard: &Guard<U>, paths: &mut Paths) -> Schemas {
    let mut schemas = BTreeMap::new();
    for (method, operation) in paths.paths.values_mut().flat_map(operations) {
        let security = Security::of(guard, &method);
        stamp_operation(&security, operation);
        schemas.extend(security.schemas().clone());
    }
    schemas_of(&schemas)
}

/// Adds the limits to every operation of these paths; see [`Security::of_limits`]. Returns the
/// schemas that they then refer to.
pub fn stamp_limits<U: AuthUser>(limiter: &Limiter<U>, paths: &mut Paths) -> Schemas {
    let security = Security::of_limits(limiter);
    for (_, operation) in paths.paths.values_mut().flat_map(operations) {
        stamp_operation(&security, operation);
    }
    schemas_of(security.schemas())
}

/// Like [`Protection::describe`], for a whole document.
pub fn stamp_rules<U: AuthUser>(protection: &Protection<U>, document: &mut OpenApi) {
    let mut schemas = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let method = method.to_ascii_uppercase();
            let security = Security::of(protection.guard_of_route(&method, path), &method);
            stamp_operation(&security, operation);
            schemas.extend(security.schemas().clone());
        }
    }
    add_schemas(document, schemas_of(&schemas));
}

/// The operations of a path with their methods, in lower case.
pub fn operations(item: &mut PathItem) -> Vec<(Cow<'static, str>, &mut Operation)> {
    let known = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("options", &mut item.options),
        ("head", &mut item.head),
        ("patch", &mut item.patch),
        ("trace", &mut item.trace),
        ("query", &mut item.query),
    ];
    let known =
        known.into_iter().filter_map(|(method, operation)| Some((method.into(), operation.as_mut()?)));
    let others = item.additional_operations.iter_mut();
    known.chain(others.map(|(method, operation)| (method.clone().into(), operation))).collect()
}

/// The methods with an operation at a path, spelt as in requests.
#[must_use]
pub fn methods_in(item: &PathItem) -> Vec<String> {
    operations(&mut item.clone()).into_iter().map(|(method, _)| method.to_ascii_uppercase()).collect()
}

fn stamp_operation(security: &Security, operation: &mut Operation) {
    let extension = |name: &str| {
        let members = operation.extensions.as_ref();
        members.and_then(|members| members.get(name)).cloned()
    };
    let kept = &operation.responses.responses;
    // The other responses are unchanged, unless a limit applies to all of them.
    let is_changed = |status: &str| security.is_limited() || security.responses().contains_key(status);
    let answered = kept.iter().filter(|(status, _)| is_changed(status));
    let responses = answered.map(|(status, response)| (status.clone(), to_json(response))).collect();
    let members = [
        ("security", operation.security.as_ref().map(to_json)),
        (REQUIREMENT, extension(REQUIREMENT)),
        (RATE_LIMIT, extension(RATE_LIMIT)),
        ("responses", Some(Value::Object(responses))),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut stamped = Value::Object(members.collect());
    security.stamp(&mut stamped);
    operation.security = stamped.get("security").and_then(from_json);
    for name in [REQUIREMENT, RATE_LIMIT] {
        if let Some(member) = stamped.get(name) {
            let extensions = operation.extensions.get_or_insert_with(Extensions::default);
            extensions.insert(name.to_owned(), member.clone());
        }
    }
    let responses = stamped.get("responses").and_then(Value::as_object).into_iter().flatten();
    let responses = responses.filter_map(|(status, response)| Some((status.clone(), from_json(response)?)));
    operation.responses.responses.extend(responses);
}

/// A document with the ready-made endpoints at their mounted paths; see [`endpoints`].
#[must_use]
pub fn endpoints_of<U: AuthUser>(auth: &AuthProvider<U>, mounts: &Mounts) -> OpenApi {
    let described = endpoints(auth, mounts);
    let mut document = OpenApi::default();
    document.paths.paths = from_json(&Value::Object(described.paths)).unwrap_or_default();
    add_schemas(&mut document, schemas_of(&described.schemas));
    document
}

/// Adds schemas to a document; of two with the same name, the first stays.
pub fn add_schemas(document: &mut OpenApi, schemas: Schemas) {
    let described = &mut document.components.get_or_insert_with(Components::new).schemas;
    for (name, schema) in schemas {
        described.entry(name).or_insert(schema);
    }
}

/// A document that can be completed with the document-wide parts of a provider.
pub trait DescribeAuth: Sized {
    /// Adds the security schemes that operations name, the scopes that they require, and the
    /// schemas of answers. Call it when the document is complete, once for each provider.
    ///
    /// Takes a provider, or a [`Description`] of one with the URL of its login.
    #[must_use]
    fn describe_auth<'a, U: AuthUser>(self, auth: impl Into<Description<'a, U>>) -> Self;
}

impl DescribeAuth for OpenApi {
    fn describe_auth<'a, U: AuthUser>(mut self, auth: impl Into<Description<'a, U>>) -> Self {
        complete(&auth.into(), &mut self);
        self
    }
}

/// Like [`Description::complete`].
fn complete<U: AuthUser>(description: &Description<'_, U>, document: &mut OpenApi) {
    let mut json = to_json(document);
    description.complete(&mut json);
    for (path, item) in &mut document.paths.paths {
        let described = json.get("paths").and_then(|paths| paths.get(path));
        for (method, operation) in operations(item) {
            let described = described.and_then(|item| item.get(&*method));
            if let Some(security) = described.and_then(|operation| operation.get("security")) {
                operation.security = from_json(security);
            }
        }
    }
    let components = document.components.get_or_insert_with(Components::new);
    let members = |name: &str| {
        let members = json.get("components").and_then(|components| components.get(name));
        members.and_then(Value::as_object).cloned().unwrap_or_default()
    };
    for (name, scheme) in members("securitySchemes") {
        // Schemes of other providers are unchanged.
        if name.starts_with(description.prefix().as_str())
            && let Some(scheme) = from_json(&scheme)
        {
            components.security_schemes.insert(name, scheme);
        }
    }
    for (name, schema) in members("schemas") {
        if !components.schemas.contains_key(&name)
            && let Some(schema) = from_json(&as_in_3_1(&schema))
        {
            components.schemas.insert(name, schema);
        }
    }
}

/// Merges another document, with its paths below `prefix` as joined by `compose`.
///
/// # Errors
/// The method and path of an operation that both documents have: one of them would be lost. The
/// document is not changed then.
pub fn merge(
    document: &mut OpenApi,
    mut other: OpenApi,
    compose: impl Fn(&str) -> String,
) -> Result<(), String> {
    let paths = mem::take(&mut other.paths.paths);
    let mut paths: Vec<_> = paths.into_iter().map(|(path, item)| (compose(&path), item)).collect();
    for (path, item) in &mut paths {
        let kept = document.paths.paths.get_mut(path).map(operations).unwrap_or_default();
        let kept: Vec<_> = kept.into_iter().map(|(method, _)| method).collect();
        if let Some((method, _)) = operations(item).into_iter().find(|(method, _)| kept.contains(method)) {
            return Err(format!("{} {path}", method.to_ascii_uppercase()));
        }
    }
    document.merge(other);
    for (path, item) in paths {
        match document.paths.paths.get_mut(&path) {
            Some(kept) => kept.merge_operations(item),
            None => drop(document.paths.paths.insert(path, item)),
        }
    }
    Ok(())
}

fn schemas_of<'a>(schemas: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Schemas {
    let typed = |schema: &Value| from_json(&as_in_3_1(schema));
    schemas.into_iter().filter_map(|(name, schema)| Some((name.clone(), typed(schema)?))).collect()
}

/// In 3.1, a value that may be null has two types.
fn as_in_3_1(schema: &Value) -> Value {
    match schema {
        Value::Array(parts) => parts.iter().map(as_in_3_1).collect(),
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), as_in_3_1(value))).collect();
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                if let Some(kind) = members.get_mut("type") {
                    *kind = json!([kind, "null"]);
                }
            }
            Value::Object(members)
        }
        other => other.clone(),
    }
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// `utoipa` reads everything that fauth writes; tests ensure it. The author's parts may have a form
/// that `utoipa` writes but does not read: then they stay unchanged, and an error is logged.
fn from_json<T: DeserializeOwned>(json: &Value) -> Option<T> {
    let read = T::deserialize(json);
    if let Err(error) = &read {
        let event = "openapi_part_left_out";
        tracing::error!(target: "fauth", event, %error, "utoipa cannot read {json}");
    }
    read.ok()
}
