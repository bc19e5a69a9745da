//! What an API of poem-openapi consists of: its part of a document, and its endpoints.

use std::{collections::HashMap, marker::PhantomData};

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

/// The endpoints of one path.
pub(super) type Methods = HashMap<Method, BoxEndpoint<'static>>;
/// Endpoints by their path, as routes write it.
pub(super) type Table = HashMap<String, Methods>;

/// The document of an API, with nothing in it but what comes from the API.
pub(super) fn document_of<T: OpenApi>() -> serde_json::Result<Value> {
    serde_json::from_str(&OpenApiService::new(Described::<T>(PhantomData), "", "").spec())
}

pub(super) fn endpoints_of<T: OpenApi>(api: T) -> Table {
    let mut table = Table::new();
    api.add_routes(&mut table);
    table
}

/// An API without its value, which its document does not depend on.
struct Described<T>(PhantomData<T>);

impl<T: OpenApi> OpenApi for Described<T> {
    /// Each path once. poem-openapi writes a path once for each API of a tuple that has it, and
    /// readers of JSON keep one of them.
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

/// The endpoints of one path, on whatever route they are.
///
/// Parameters of poem-openapi work inside an `OpenApiService` only. One for all paths could not
/// stand on a route with other things at the same place: it would have to be nested at `/`, and
/// poem lets that have `/` itself. So there is one for each path, in which the path is `/`. The
/// handlers see the request as it was outside.
pub(super) struct AtOnePath {
    service: BoxEndpoint<'static>,
}

/// What of a request is put aside for the service.
#[derive(Clone)]
struct Outside {
    uri: Uri,
    pattern: Option<PathPattern>,
}

impl AtOnePath {
    pub(super) fn new(methods: Methods) -> Self {
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
        // For metrics: the service would say its own.
        if let Some(pattern) = pattern {
            match &mut outcome {
                Ok(response) => response.set_data(pattern),
                Err(error) => error.set_data(pattern),
            }
        }
        outcome
    }
}

/// The same with the path `/`.
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

/// Endpoints that were put together already, at `/`.
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
