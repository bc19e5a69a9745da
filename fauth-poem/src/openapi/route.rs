//! One API and its routes: its operations, and the guards and limits in front of them.

use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Guard, Limiter,
    audit::Declaration,
    openapi::{
        Description, Security,
        reach::{nameless, normal},
        template,
    },
};
use poem::{
    Endpoint, EndpointExt as _, IntoEndpoint as _, PathPattern, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{Method, Uri, uri::PathAndQuery},
};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, MetaPath, Registry},
};
use serde_json::Value;

use super::ApiError;
use crate::{guard::Require, limit::LimitMiddleware};

/// The endpoints of one path.
pub(super) type Methods = HashMap<Method, BoxEndpoint<'static>>;
/// Endpoints by path, as routes write it.
pub(super) type Table = HashMap<String, Methods>;

/// An API with the prefix of its group.
pub(super) struct Api {
    pub(super) document: serde_json::Result<Value>,
    pub(super) table: Table,
    pub(super) doors: Doors,
}

impl Api {
    pub(super) fn new<T: OpenApi>(api: T) -> Self {
        let (document, table) = (document_of::<T>(), endpoints_of(api));
        Self { document, table, doors: Doors::default() }
    }

    /// Returns its paths, as its document writes them.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        self.table.keys().map(|path| self.as_documented(path))
    }

    /// Routes of poem-openapi have their own names for parameters.
    fn as_documented(&self, path: &str) -> String {
        let path = normal(&template(path));
        let documented = self.document.as_ref().ok().and_then(|document| document.get("paths")?.as_object());
        let mut documented = documented.into_iter().flat_map(|paths| paths.keys()).map(|path| normal(path));
        documented.find(|other| nameless(other) == nameless(&path)).unwrap_or(path)
    }
}

/// Returns the document of an API, with nothing but what comes from the API.
fn document_of<T: OpenApi>() -> serde_json::Result<Value> {
    serde_json::from_str(&OpenApiService::new(Documented::<T>(PhantomData), "", "").spec())
}

fn endpoints_of<T: OpenApi>(api: T) -> Table {
    let mut table = Table::new();
    api.add_routes(&mut table);
    table
}

/// An API without its value, on which its document does not depend.
struct Documented<T>(PhantomData<T>);

impl<T: OpenApi> OpenApi for Documented<T> {
    /// Each path once: for a tuple, poem-openapi writes a path once for each API that has it, and
    /// JSON parsers keep only one of them.
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for path in T::meta().into_iter().flat_map(|api| api.paths) {
            match paths.iter_mut().find(|kept| kept.path == path.path) {
                Some(kept) => kept.operations.extend(path.operations),
                None => paths.push(path),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut Table) {}
}

/// A guard or a limit, of any user type. What it enforces and what it documents come from one
/// value.
pub(super) trait Door: Send + Sync {
    fn close(&self, inner: BoxEndpoint<'static>) -> BoxEndpoint<'static>;
    fn security(&self, method: &str) -> Security;
    fn provider(&self) -> &dyn Described;
    /// The guard's; a limit admits everybody.
    fn guarding(&self) -> Option<&Arc<Declaration>>;
}

/// A provider, of any user type.
pub(super) trait Described: Send + Sync {
    fn application(&self) -> &str;
    fn complete(&self, document: &mut Value, token_url: Option<&str>);
}

impl<U: AuthUser> Door for Guard<U> {
    fn close(&self, inner: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        // So that inside the group the group's provider decides, and not one of the application.
        let inner = inner.data(self.provider().clone()).map_to_response().boxed();
        Require::new(inner, self.clone()).boxed()
    }

    fn security(&self, method: &str) -> Security {
        Security::of(self, method)
    }

    fn provider(&self) -> &dyn Described {
        self.provider()
    }

    fn guarding(&self) -> Option<&Arc<Declaration>> {
        Some(self.declaration())
    }
}

impl<U: AuthUser> Door for Limiter<U> {
    fn close(&self, inner: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        inner.with(LimitMiddleware::new(self.clone())).boxed()
    }

    fn security(&self, _: &str) -> Security {
        Security::of_limits(self)
    }

    fn provider(&self) -> &dyn Described {
        self.provider()
    }

    fn guarding(&self) -> Option<&Arc<Declaration>> {
        None
    }
}

impl<U: AuthUser> Described for AuthProvider<U> {
    fn application(&self) -> &str {
        self.application()
    }

    fn complete(&self, document: &mut Value, token_url: Option<&str>) {
        let description = Description::of(self);
        match token_url {
            Some(url) => description.token_url(url).complete(document),
            None => description.complete(document),
        }
    }
}

/// Guards and limits around each other, outermost first.
#[derive(Clone, Default)]
pub(super) struct Doors(Vec<Arc<dyn Door>>);

impl Doors {
    pub(super) fn of<U: AuthUser>(guard: Guard<U>) -> Self {
        Self(vec![Arc::new(guard)])
    }

    pub(super) fn of_limit<U: AuthUser>(limit: LimitMiddleware<U>) -> Self {
        Self(vec![Arc::new(limit.into_limiter())])
    }

    /// Whether all of them admit everybody.
    pub(super) fn are_open(&self) -> bool {
        self.guarding().is_none()
    }

    /// Returns the declaration of the outermost guard.
    pub(super) fn guarding(&self) -> Option<&Arc<Declaration>> {
        self.0.iter().find_map(|door| door.guarding())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Door> {
        self.0.iter().map(|door| &**door)
    }

    /// Returns these, with others inside them.
    pub(super) fn around(&self, inner: &Self) -> Self {
        Self(self.0.iter().chain(&inner.0).cloned().collect())
    }

    pub(super) fn close(&self, endpoint: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        self.0.iter().rev().fold(endpoint, |inner, door| door.close(inner))
    }
}

/// The endpoints of one path, each behind the guards of its group.
#[derive(Default)]
pub(super) struct OnePath {
    parts: Vec<Part>,
    /// The part that answers methods which none of them has.
    otherwise: usize,
}

/// The endpoints of one API.
struct Part {
    methods: Vec<Method>,
    endpoint: BoxEndpoint<'static>,
}

impl OnePath {
    pub(super) fn add(&mut self, path: &str, doors: &Doors, endpoints: Methods) -> Result<(), ApiError> {
        let methods: Vec<Method> = endpoints.keys().cloned().collect();
        if let Some(twice) = methods.iter().find(|method| self.part_of(method).is_some()) {
            return Err(ApiError::OperationTwice { method: twice.as_str().into(), path: path.into() });
        }
        // A path with an open operation need not be hidden.
        if doors.are_open() {
            self.otherwise = self.parts.len();
        }
        let endpoint = doors.close(AtOnePath::new(endpoints).boxed());
        self.parts.push(Part { methods, endpoint });
        Ok(())
    }

    fn part_of(&self, method: &Method) -> Option<&Part> {
        self.parts.iter().find(|part| part.methods.contains(method))
    }
}

impl Endpoint for OnePath {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // As in poem, GET answers HEAD where there is none.
        let as_get = || self.part_of(&Method::GET).filter(|_| *request.method() == Method::HEAD);
        let part = self.part_of(request.method()).or_else(as_get);
        match part.or_else(|| self.parts.get(self.otherwise)) {
            Some(part) => part.endpoint.call(request).await,
            None => Err(poem::error::NotFoundError.into()),
        }
    }
}

/// Wraps the endpoints of one path, for any route.
///
/// Parameters of poem-openapi work inside an `OpenApiService` only. A single service for all paths
/// could not share a route with other endpoints: it would have to be nested at `/`, and poem then
/// gives it `/` itself. So there is one service for each path, in which the path is `/`. The
/// handlers see the request as it was outside.
struct AtOnePath {
    service: BoxEndpoint<'static>,
}

/// The parts of a request that are put aside for the service.
#[derive(Clone)]
struct Outside {
    uri: Uri,
    pattern: Option<PathPattern>,
}

impl AtOnePath {
    fn new(methods: Methods) -> Self {
        let restoring = methods.into_iter().map(|(method, endpoint)| (method, Restoring(endpoint).boxed()));
        Self { service: OpenApiService::new(Endpoints(restoring.collect()), "", "").into_endpoint() }
    }
}

impl Endpoint for AtOnePath {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let outside = Outside { uri: request.uri().clone(), pattern: request.data::<PathPattern>().cloned() };
        let pattern = outside.pattern.clone();
        *request.uri_mut() = at_root(outside.uri.clone());
        request.extensions_mut().insert(outside);
        let mut outcome = self.service.call(request).await;
        // For metrics: the service would report its own path.
        if let Some(pattern) = pattern {
            match &mut outcome {
                Ok(response) => response.set_data(pattern),
                Err(error) => error.set_data(pattern),
            }
        }
        outcome
    }
}

/// Returns the request with the path `/`.
fn at_root(uri: Uri) -> Uri {
    let mut parts = uri.into_parts();
    let query = parts.path_and_query.as_ref().and_then(PathAndQuery::query);
    let at_root = query.and_then(|query| PathAndQuery::try_from(format!("/?{query}")).ok());
    parts.path_and_query = Some(at_root.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_default()
}

struct Restoring(BoxEndpoint<'static>);

impl Endpoint for Restoring {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(Outside { uri, pattern }) = request.extensions_mut().remove::<Outside>() {
            *request.uri_mut() = uri;
            if let Some(pattern) = pattern {
                request.extensions_mut().insert(pattern);
            }
        }
        self.0.call(request).await
    }
}

/// Endpoints that are already combined, at `/`.
struct Endpoints(Methods);

impl OpenApi for Endpoints {
    fn meta() -> Vec<MetaApi> {
        Vec::new()
    }

    fn register(_: &mut Registry) {}

    fn add_routes(self, table: &mut Table) {
        table.insert("/".to_owned(), self.0);
    }
}
