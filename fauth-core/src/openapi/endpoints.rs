//! Descriptions of the ready-made endpoints.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{schemas, security::Security, template::template};
use crate::{
    access::Access,
    mounts::{Mount, Mounts},
    provider::AuthProvider,
    rejection::{RefusalBody, Rejection},
    routes::Endpoint,
    user::AuthUser,
};

/// The query with which a login delivers its tokens to a page in the body.
pub(super) const DELIVER_BODY: &str = "deliver=body";
/// The tag of the endpoints in documents.
const TAG: &str = "authentication";

/// The ready-made endpoints in a document; see [`endpoints`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Endpoints {
    /// Path Item Objects by their paths.
    pub paths: Map<String, Value>,
    /// The schemas that they refer to, by their names in `components`, for `OpenAPI` 3.0: a value
    /// that may be null is `nullable`.
    pub schemas: BTreeMap<String, Value>,
}

/// Describes the ready-made endpoints at their mounted paths.
///
/// Operation ids start with the name of the application, as in `shop-login`. By them
/// [`Description`](super::Description) finds the login.
///
/// ```
/// use fauth_core::{mounts::Mounts, openapi::endpoints};
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let endpoints = endpoints(&auth, &Mounts::of(&auth));
/// assert_eq!(endpoints.paths["/login"]["post"]["operationId"], "default-login");
/// ```
#[must_use]
pub fn endpoints<U: AuthUser>(auth: &AuthProvider<U>, mounts: &Mounts) -> Endpoints {
    let body = auth.renderer().describe();
    let mut described = Endpoints { paths: Map::new(), schemas: schemas::all().collect() };
    described.schemas.extend(body.iter().map(|body| (body.name().to_owned(), body.schema().clone())));
    for mount in mounts.iter() {
        let path = template(mount.path());
        let item = described.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method(mount.endpoint()).to_owned(), operation(auth, mount, body.as_ref()));
        }
    }
    described
}

/// The id of the operation.
pub(super) fn id(application: &str, endpoint: Endpoint) -> String {
    let name = match endpoint {
        Endpoint::Login => "login",
        Endpoint::Refresh => "refresh",
        Endpoint::Logout => "logout",
        Endpoint::LogoutAll => "logout-all",
        Endpoint::Sessions => "sessions",
        Endpoint::Session => "end-session",
        Endpoint::Jwks => "jwks",
        Endpoint::ResourceMetadata => "resource-metadata",
    };
    format!("{application}-{name}")
}

const fn method(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Login | Endpoint::Refresh | Endpoint::Logout | Endpoint::LogoutAll => "post",
        Endpoint::Sessions | Endpoint::Jwks | Endpoint::ResourceMetadata => "get",
        Endpoint::Session => "delete",
    }
}

const fn summary(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Login => "Log in with a password",
        Endpoint::Refresh => "Exchange the refresh token for a new pair of tokens",
        Endpoint::Logout => "End this login",
        Endpoint::LogoutAll => "End all logins of the user",
        Endpoint::Sessions => "List the user's logins",
        Endpoint::Session => "End one login of the user",
        Endpoint::Jwks => "The public keys that verify the tokens",
        Endpoint::ResourceMetadata => "Where clients get a token (RFC 9728)",
    }
}

fn operation<U: AuthUser>(auth: &AuthProvider<U>, mount: &Mount, body: Option<&RefusalBody>) -> Value {
    let endpoint = mount.endpoint();
    let mut parameters: Vec<Value> = parameters_in(&template(mount.path())).map(path_parameter).collect();
    if endpoint == Endpoint::Login && auth.has_ambient_transport() && auth.takes_bearer_tokens() {
        parameters.push(deliver_parameter());
    }
    let parameters = (!parameters.is_empty()).then_some(Value::Array(parameters));
    let members = [
        ("tags", Some(json!([TAG]))),
        ("summary", Some(json!(summary(endpoint)))),
        ("operationId", Some(json!(id(auth.application(), endpoint)))),
        ("parameters", parameters),
        ("requestBody", request(endpoint)),
        ("responses", Some(responses(auth, endpoint))),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut operation = Value::Object(members.collect());
    let mut security = security(auth, endpoint, body);
    security.limit(mount.limits(), body);
    security.stamp(&mut operation);
    operation
}

fn deliver_parameter() -> Value {
    json!({
        "name": "deliver",
        "in": "query",
        "required": false,
        "description": "`body` for a page that stores its tokens itself; otherwise it gets cookies.",
        "schema": { "type": "string", "enum": ["body"] },
    })
}

/// Names in braces.
fn parameters_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

/// The request body, as JSON or a form.
fn request(endpoint: Endpoint) -> Option<Value> {
    let (schema, required) = match endpoint {
        Endpoint::Login => ("AuthLogin", true),
        Endpoint::Refresh => ("AuthRefresh", false),
        Endpoint::Logout => ("AuthLogout", false),
        Endpoint::LogoutAll
        | Endpoint::Sessions
        | Endpoint::Session
        | Endpoint::Jwks
        | Endpoint::ResourceMetadata => {
            return None;
        }
    };
    let body = json!({ "schema": reference(schema) });
    Some(json!({
        "required": required,
        "content": { "application/json": body, "application/x-www-form-urlencoded": body },
    }))
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn responses<U: AuthUser>(auth: &AuthProvider<U>, endpoint: Endpoint) -> Value {
    let mut responses = json!({ "200": success(auth, endpoint) });
    if let (Endpoint::Jwks, Some(responses)) = (endpoint, responses.as_object_mut()) {
        let unchanged = json!({ "description": "The keys match `If-None-Match`" });
        responses.insert("304".to_owned(), unchanged);
    }
    responses
}

fn success<U: AuthUser>(auth: &AuthProvider<U>, endpoint: Endpoint) -> Value {
    let (description, schema) = match endpoint {
        Endpoint::Login | Endpoint::Refresh => ("A pair of tokens", pair(auth)),
        Endpoint::Logout | Endpoint::LogoutAll | Endpoint::Session => {
            ("What was ended", reference("AuthLoggedOut"))
        }
        Endpoint::Sessions => ("The user's logins", reference("AuthSessions")),
        Endpoint::Jwks => ("A JWK Set (RFC 7517)", jwk_set()),
        Endpoint::ResourceMetadata => ("The metadata of this resource", metadata()),
    };
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// RFC 9728 section 2. Not among the schemas, since few documents have it.
fn metadata() -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "properties": {
            "resource": { "type": "string" },
            "authorization_servers": texts,
            "scopes_supported": texts,
            "bearer_methods_supported": texts,
        },
        "required": ["resource", "authorization_servers"],
    })
}

fn jwk_set() -> Value {
    json!({
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": { "type": "object" } } },
    })
}

fn pair<U: AuthUser>(auth: &AuthProvider<U>) -> Value {
    match (auth.has_ambient_transport(), auth.takes_bearer_tokens()) {
        (false, _) => reference("AuthTokens"),
        (true, false) => reference("AuthCookies"),
        (true, true) => json!({ "anyOf": [reference("AuthTokens"), reference("AuthCookies")] }),
    }
}

fn security<U: AuthUser>(auth: &AuthProvider<U>, endpoint: Endpoint, body: Option<&RefusalBody>) -> Security {
    // A logout accepts the token where guards look for it, and otherwise in its body.
    let access = if endpoint == Endpoint::Logout { Access::Optional } else { endpoint.access() };
    let mut security = Security::new(auth, &access);
    security.refuse_as_guards(auth, &access, method(endpoint), body);
    match endpoint {
        Endpoint::Login => {
            let unknown = "No active user matches this name and password";
            security.refuse(&Rejection::InvalidCredentials, unknown, body);
            if auth.throttles_logins() {
                let limited = Rejection::TooManyRequests { retry_after: Duration::from_secs(1) };
                security.refuse(
                    &limited,
                    "Too many failed logins: `Retry-After` says when to try again",
                    body,
                );
            }
        }
        Endpoint::Refresh => security.refuse(&Rejection::MissingCredential, "No valid refresh token", body),
        Endpoint::Session => security.refuse(&Rejection::NotFound, "The user has no such session", body),
        Endpoint::Jwks => security.refuse_unavailable(body),
        Endpoint::Logout | Endpoint::LogoutAll | Endpoint::Sessions => {}
        Endpoint::ResourceMetadata => return security,
    }
    if access == Access::Open && request(endpoint).is_some() {
        security.refuse(&Rejection::InvalidRequest, "The body cannot be read", body);
        let media_type = "The body is neither JSON nor a form";
        security.refuse(&Rejection::UnsupportedMediaType, media_type, body);
        security.refuse_unavailable(body);
        if auth.has_ambient_transport() {
            security.refuse_cross_site(body);
        }
    }
    if request(endpoint).is_some() {
        security.refuse(&Rejection::BodyTimeout, "The body did not arrive in time", body);
        security.refuse(&Rejection::PayloadTooLarge, "The body is too long", body);
    }
    security
}
