//! The document as a whole: one of many, with what the guards require of every operation.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use fauth_core::{
    AuthProvider, AuthUser,
    openapi::{reach, template},
};
use poem::Route;
use poem_openapi::{OpenApiService, Webhook};
use serde_json::{Map, Value};

use super::{
    ApiError,
    group::{ApiGroup, Nest, ReadyMade},
    route::{Api, Described, Door, Doors},
};
use crate::{protect::Protect, routes::AuthRoutes};

/// Token URLs by the name of the application.
type TokenUrls = BTreeMap<String, String>;

/// APIs of poem-openapi on one route and in one document, which shows for each operation what its
/// guards require and how they refuse. See the [module](super) for an example.
pub struct ApiRoute {
    base: Value,
    prefix: String,
    group: ApiGroup,
    token_urls: TokenUrls,
}

impl ApiRoute {
    /// Creates a route without any API. For servers, a description and the rest, use
    /// [`ApiRoute::from`] with an [`OpenApiService`].
    #[must_use]
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self::from(OpenApiService::new((), title, version))
    }

    /// Adds APIs, or a [`SecureApi`](super::SecureApi); see [`ApiGroup::api`].
    #[must_use]
    pub fn api(self, apis: impl Into<ApiGroup>) -> Self {
        Self { group: self.group.api(apis), ..self }
    }

    /// Adds APIs, or a [`SecureApi`](super::SecureApi), under a prefix such as `"/admin"`; see
    /// [`ApiGroup::nest`].
    #[must_use]
    pub fn nest(self, prefix: impl AsRef<str>, apis: impl Into<ApiGroup>) -> Self {
        Self { group: self.group.nest(prefix, apis), ..self }
    }

    /// Adds the ready-made endpoints of a provider: login, refresh, logout and sessions.
    #[must_use]
    pub fn auth_routes<U: AuthUser>(self, routes: AuthRoutes<U>) -> Self {
        Self { group: self.group.auth_routes(routes), ..self }
    }

    /// Sets the path at which the application nests the route, so that the document has whole
    /// paths. Use it instead of `url_prefix` of [`OpenApiService`], which would not apply to the
    /// login.
    #[must_use]
    pub fn url_prefix(self, prefix: impl AsRef<str>) -> Self {
        Self { prefix: reach::normal(prefix.as_ref()), ..self }
    }

    /// Sets the URL at which clients, such as the Authorize button of Swagger UI, exchange a name
    /// and a password for tokens of this provider. Default: the ready-made login of these
    /// [`auth_routes`](Self::auth_routes); without one, the document has no such scheme.
    #[must_use]
    pub fn token_url<U: AuthUser>(mut self, auth: &AuthProvider<U>, url: impl Into<String>) -> Self {
        self.token_urls.insert(auth.application().to_owned(), url.into());
        self
    }

    /// Returns the route, to which the application may add others, and the document.
    ///
    /// Both come from the same guards.
    ///
    /// # Security
    /// Routes that the application adds later are neither in the document nor behind the guards of
    /// the groups, whatever their path. Guard them yourself.
    ///
    /// # Panics
    /// Like [`Route::at`] and [`OpenApiService`], if the APIs conflict.
    /// [`try_into_parts`](Self::try_into_parts) returns the conflict.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "it is what poem does where routes do not fit together")]
    pub fn into_parts(self) -> (Route, Value) {
        self.try_into_parts().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`into_parts`](Self::into_parts), without the panic.
    ///
    /// # Errors
    /// [`ApiError`] if the APIs conflict.
    ///
    /// # Panics
    /// Like [`OpenApiService`], if two types of one API have the same name.
    pub fn try_into_parts(self) -> Result<(Route, Value), ApiError> {
        self.group.reach().check()?;
        let document = document_of(&self.base, &self.prefix, &self.group, &self.token_urls)?;
        Ok((self.group.into_route()?, document))
    }
}

/// Takes title, servers, description, licence, webhooks and the rest from a service. Move the APIs
/// of an existing service to [`ApiRoute::api`].
///
/// Two settings are not taken over. Instead of `cookie_key`, put [`CookieJarManager::with_key`]
/// around the route. Instead of headers that a service adds to each operation, use
/// `#[OpenApi(request_header(..), response_header(..))]`.
///
/// [`CookieJarManager::with_key`]:
///     https://docs.rs/poem/3/poem/middleware/struct.CookieJarManager.html
///
/// ```
/// use fauth_poem::openapi::ApiRoute;
/// use poem_openapi::OpenApiService;
/// # struct Shop;
/// # #[poem_openapi::OpenApi]
/// # impl Shop {}
///
/// let service = OpenApiService::new((), "Shop", "1.0").server("https://shop.example");
/// let (route, document) = ApiRoute::from(service).api(Shop).into_parts();
/// assert_eq!(document["servers"][0]["url"], "https://shop.example");
/// ```
impl<W: Webhook> From<OpenApiService<(), W>> for ApiRoute {
    fn from(service: OpenApiService<(), W>) -> Self {
        // The document has no operations, so it cannot be nested too deeply to parse, and
        // poem-openapi wrote it.
        let base = serde_json::from_str(&service.spec()).unwrap_or_default();
        Self { base, prefix: String::new(), group: ApiGroup::new(), token_urls: TokenUrls::new() }
    }
}

impl fmt::Debug for ApiRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRoute").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Writes the document of everything in `group` into `base`, which has title and version.
fn document_of(
    base: &Value,
    prefix: &str,
    group: &ApiGroup,
    token_urls: &TokenUrls,
) -> Result<Value, ApiError> {
    let mut draft = Draft { document: base.as_object().cloned().unwrap_or_default(), ..Draft::default() };
    draft.add_group(prefix, &Doors::default(), group)?;
    let mut document = Value::Object(draft.document);
    for provider in draft.providers.values() {
        complete(*provider, token_urls, &mut document)?;
    }
    Ok(document)
}

/// Adds what belongs to a provider as a whole. The application's own schemes are kept.
fn complete(provider: &dyn Described, token_urls: &TokenUrls, document: &mut Value) -> Result<(), ApiError> {
    const KIND: &str = "securitySchemes";
    let schemes = |document: &Value| {
        let schemes = document.get("components").and_then(|components| components.get(KIND));
        schemes.and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let before = schemes(document);
    provider.complete(document, token_urls.get(provider.application()).map(String::as_str));
    let after = schemes(document);
    match before.iter().find(|(name, scheme)| after.get(*name) != Some(scheme)) {
        Some((name, _)) => Err(twice(KIND, name)),
        None => Ok(()),
    }
}

/// A document under construction.
#[derive(Default)]
struct Draft<'a> {
    document: Map<String, Value>,
    /// The paths as written, by their form without parameter names.
    written: HashMap<String, String>,
    operation_ids: HashSet<String>,
    /// Providers by application.
    providers: BTreeMap<&'a str, &'a dyn Described>,
}

impl<'a> Draft<'a> {
    fn add_group(&mut self, prefix: &str, around: &Doors, group: &'a ApiGroup) -> Result<(), ApiError> {
        let doors = around.around(&group.doors);
        self.note(&group.doors);
        for Api { document, doors: own, .. } in &group.apis {
            self.note(own);
            let document =
                document.as_ref().map_err(|error| ApiError::Unreadable(error.to_string().into()))?;
            self.add_components(document)?;
            self.add_tags(document)?;
            self.add_paths(prefix, &doors.around(own), members(document.get("paths")))?;
        }
        for ReadyMade { provider, described, doors: own, .. } in &group.ready_made {
            self.note(own);
            self.providers.insert(provider.application(), &**provider);
            for (name, schema) in &described.schemas {
                self.add_component("schemas", name, schema)?;
            }
            self.add_paths(prefix, &doors.around(own), described.paths.iter())?;
        }
        group.nests.iter().try_for_each(|Nest { prefix: inner, group }| {
            self.add_group(&format!("{prefix}{inner}"), &doors, group)
        })
    }

    fn note(&mut self, doors: &'a Doors) {
        for provider in doors.iter().map(Door::provider) {
            self.providers.insert(provider.application(), provider);
        }
    }

    fn add_paths<'v>(
        &mut self,
        prefix: &str,
        doors: &Doors,
        paths: impl Iterator<Item = (&'v String, &'v Value)>,
    ) -> Result<(), ApiError> {
        for (path, item) in paths {
            // poem-openapi keeps the parameters of a `prefix_path` as routes write them.
            let path = match reach::normal(&template(path)) {
                path if prefix.is_empty() && path.is_empty() => "/".to_owned(),
                path => format!("{prefix}{path}"),
            };
            self.write_as(&path)?;
            for (method, operation) in members(Some(item)) {
                self.add_operation(&path, method, doors, operation.clone())?;
            }
        }
        Ok(())
    }

    /// Records how a path is written.
    fn write_as(&mut self, path: &str) -> Result<(), ApiError> {
        let written = self.written.entry(reach::nameless(path)).or_insert_with(|| path.to_owned());
        if written == path {
            return Ok(());
        }
        Err(ApiError::PathTwice { first: written.as_str().into(), second: path.into() })
    }

    fn add_operation(
        &mut self,
        path: &str,
        method: &str,
        doors: &Doors,
        mut operation: Value,
    ) -> Result<(), ApiError> {
        if let Some(id) = operation.get("operationId").and_then(Value::as_str)
            && !self.operation_ids.insert(id.to_owned())
        {
            return Err(ApiError::OperationIdTwice(id.into()));
        }
        for door in doors.iter() {
            let security = door.security(method);
            security.stamp(&mut operation);
            for (name, schema) in security.schemas() {
                self.add_component("schemas", name, schema)?;
            }
        }
        let item = object(object(&mut self.document, "paths"), path);
        if item.insert(method.to_owned(), operation).is_some() {
            let method = method.to_ascii_uppercase().into();
            return Err(ApiError::OperationTwice { method, path: path.into() });
        }
        Ok(())
    }

    fn add_components(&mut self, document: &Value) -> Result<(), ApiError> {
        members(document.get("components")).try_for_each(|(kind, components)| {
            members(Some(components)).try_for_each(|(name, value)| self.add_component(kind, name, value))
        })
    }

    fn add_component(&mut self, kind: &str, name: &str, value: &Value) -> Result<(), ApiError> {
        let kept = object(object(&mut self.document, "components"), kind);
        if kept.get(name).is_some_and(|kept| kept != value) {
            return Err(twice(kind, name));
        }
        kept.insert(name.to_owned(), value.clone());
        Ok(())
    }

    fn add_tags(&mut self, document: &Value) -> Result<(), ApiError> {
        const KIND: &str = "tags";
        let added = document.get(KIND).and_then(Value::as_array).into_iter().flatten();
        let kept = self.document.entry(KIND).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(kept) = kept else { return Ok(()) };
        for tag in added.filter(|tag| tag.get("name").is_some()) {
            match kept.iter().find(|kept| kept.get("name") == tag.get("name")) {
                None => kept.push(tag.clone()),
                Some(same) if same == tag => {}
                Some(_) => {
                    let name = tag.get("name").and_then(Value::as_str);
                    return Err(twice(KIND, name.unwrap_or_default()));
                }
            }
        }
        Ok(())
    }
}

fn twice(kind: &str, name: &str) -> ApiError {
    ApiError::ComponentTwice { kind: kind.into(), name: name.into() }
}

fn members(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}

/// Returns the object of this name, and creates it if there is none.
fn object<'o>(object: &'o mut Map<String, Value>, name: &str) -> &'o mut Map<String, Value> {
    let value = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object"),
    }
}

impl<U: AuthUser> Protect<U> {
    /// Adds to every operation of a document what its path rule requires, beside what its guards
    /// require. Call it with the document of [`ApiRoute::into_parts`].
    ///
    /// The document must have whole paths, as clients send them. See
    /// [`Protection::describe`](fauth_core::Protection::describe). If no guard and no endpoint of
    /// the document has the same provider, add the security schemes afterwards with
    /// [`Description::complete`](fauth_core::openapi::Description::complete).
    pub fn describe(&self, document: &mut Value) {
        self.protection().describe(document);
    }
}
