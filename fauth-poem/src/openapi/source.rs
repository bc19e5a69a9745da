//! What an API of poem-openapi consists of: its part of a document, and its endpoints.

use std::{collections::HashMap, marker::PhantomData};

use poem::{
    Endpoint, IntoEndpoint as _, Request, Response, Result, endpoint::BoxEndpoint,
    error::MethodNotAllowedError, http::Method,
};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, MetaPath, Registry},
};
use serde_json::Value;

/// Endpoints by their path, as routes write it, and their method.
pub(super) type Table = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// All methods that an operation may have.
pub(super) const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// The document of an API, with nothing in it but what comes from the API.
pub(super) fn document_of<T: OpenApi>() -> serde_json::Result<Value> {
    serde_json::from_str(&OpenApiService::new(Described::<T>(PhantomData), "", "").spec())
}

pub(super) fn endpoints_of<T: OpenApi>(api: T) -> Table {
    let mut table = Table::new();
    api.add_routes(&mut table);
    table
}

/// All endpoints of `table` as one. It adds what the parameters of poem-openapi need to find.
pub(super) fn serve(table: Table) -> impl Endpoint<Output = Response> + 'static {
    OperationsOnly(OpenApiService::new(Endpoints(table), "", "").into_endpoint())
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

/// Endpoints that were put together already.
struct Endpoints(Table);

impl OpenApi for Endpoints {
    fn meta() -> Vec<MetaApi> {
        Vec::new()
    }

    fn register(_: &mut Registry) {}

    fn add_routes(self, table: &mut Table) {
        table.extend(self.0);
    }
}

/// Methods that no operation can have get one answer on every path, known or unknown, so that no
/// guard of a single path need know them.
struct OperationsOnly<E>(E);

impl<E: Endpoint<Output = Response>> Endpoint for OperationsOnly<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !METHODS.contains(request.method()) {
            return Err(MethodNotAllowedError.into());
        }
        self.0.call(request).await
    }
}
