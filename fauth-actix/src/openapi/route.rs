//! A guard or a limit in front of what `routes!` makes.

use std::fmt;

use actix_web::{
    FromRequest, Handler, Resource, Responder, Route,
    dev::{AppService, HttpServiceFactory},
    http::Method,
    web,
};
use fauth_core::{
    AuthUser,
    openapi::{
        template,
        utoipa::{self as openapi, Schemas},
    },
};
use utoipa::openapi::{
    OpenApi,
    path::{PathItem, Paths, PathsMap},
};
use utoipa_actix_web::OpenApiFactory;

use crate::{
    guard::RequireLayer,
    limit::LimitLayer,
    router::{Middleware, Middlewares, boxed},
};

/// Makes routes of handlers with `#[utoipa::path(get, path = "…")]`, for
/// [`guard`](crate::openapi::Routes::guard) and for the `service` of
/// [`UtoipaApp`](utoipa_actix_web::UtoipaApp). Handlers with the same path become one resource.
///
/// The handlers are plain functions. Handlers with actix-web's `#[get("…")]` are services that
/// cannot be wrapped: add them to a [`SecureScope`](crate::SecureScope) with
/// [`documented`](crate::SecureScope::documented).
///
/// ```
/// # use fauth_actix::{openapi::routes, require_user};
/// # let auth = fauth_testing::provider().build().unwrap();
/// #[utoipa::path(get, path = "/notes/{id:[0-9]+}", params(("id" = u64, Path)))]
/// async fn read(id: actix_web::web::Path<u64>) -> String {
///     format!("note {id}")
/// }
///
/// #[utoipa::path(put, path = "/notes/{id:[0-9]+}", params(("id" = u64, Path)))]
/// async fn write(id: actix_web::web::Path<u64>) -> String {
///     format!("note {id} is written")
/// }
///
/// let notes = routes!(read, write).guard(require_user(&auth));
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! documented_routes {
    ($($($handler:ident)::+),+ $(,)?) => {
        $crate::openapi::Routes::new()$(.handler(
            {
                #[derive(utoipa::OpenApi)]
                #[openapi(paths($($handler)::+))]
                struct Document;
                <Document as utoipa::OpenApi>::openapi()
            },
            $($handler)::+,
        ))+
    };
}

/// Routes with their document, which includes their guards; see [`routes!`](super::routes!).
#[derive(Default)]
#[must_use = "routes do nothing unless they are a service of an application or a scope"]
pub struct Routes {
    resources: Vec<(String, Vec<Route>)>,
    guards: Vec<Middleware>,
    document: OpenApi,
}

impl Routes {
    /// Creates an empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler, with its document as `derive(OpenApi)` makes it.
    #[doc(hidden)]
    #[expect(clippy::needless_pass_by_value, reason = "as actix-web takes handlers")]
    pub fn handler<F, Args>(mut self, mut document: OpenApi, handler: F) -> Self
    where
        F: Handler<Args> + Clone,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        for (path, item) in &mut document.paths.paths {
            let methods = openapi::operations(item)
                .into_iter()
                .filter_map(|(method, _)| Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok());
            let routes = methods.map(|method| web::method(method).to(handler.clone()));
            match self.resources.iter_mut().find(|(known, _)| known == path) {
                Some((_, known)) => known.extend(routes),
                None => self.resources.push((path.clone(), routes.collect())),
            }
        }
        let paths = std::mem::take(&mut document.paths);
        self.document.paths.merge(with_templates("", paths));
        self.document.merge(document);
        self
    }

    /// Puts the guard in front of these routes, for all methods, and adds it to their operations.
    pub fn guard<U: AuthUser>(mut self, guard: RequireLayer<U>) -> Self {
        let schemas = openapi::stamp(guard.guard(), &mut self.document.paths);
        openapi::add_schemas(&mut self.document, schemas);
        self.guards.push(boxed(guard));
        self
    }

    /// Puts a limit in front of these routes, for all methods, and adds it to their operations. A
    /// limit is no guard: the operations remain open.
    pub fn limit<U: AuthUser>(mut self, limit: LimitLayer<U>) -> Self {
        let schemas = openapi::stamp_limits(limit.limiter(), &mut self.document.paths);
        openapi::add_schemas(&mut self.document, schemas);
        self.guards.push(boxed(limit));
        self
    }
}

impl HttpServiceFactory for Routes {
    fn register(self, config: &mut AppService) {
        let guards: std::rc::Rc<[Middleware]> = self.guards.into();
        for (path, routes) in self.resources {
            let resource = routes.into_iter().fold(web::resource(path), Resource::route);
            resource.wrap(Middlewares(std::rc::Rc::clone(&guards))).register(config);
        }
    }
}

impl OpenApiFactory for Routes {
    fn paths(&self) -> Paths {
        self.document.paths.clone()
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(schemas_of(&self.document));
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("paths", &self.document.paths.paths.keys()).finish_non_exhaustive()
    }
}

pub(super) fn schemas_of(document: &OpenApi) -> Schemas {
    document.components.iter().flat_map(|components| components.schemas.clone()).collect()
}

/// Returns the paths below a prefix, without the patterns of their parameters.
pub(super) fn with_templates(prefix: &str, mut paths: Paths) -> Paths {
    let all: PathsMap<String, PathItem> = std::mem::take(&mut paths.paths);
    paths.paths = all.into_iter().map(|(path, item)| (template(&format!("{prefix}{path}")), item)).collect();
    paths
}
