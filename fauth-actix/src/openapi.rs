//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`utoipa_actix_web`](https://docs.rs/utoipa-actix-web).
//!
//! Handlers say what they do, and nothing of who may call them: that comes from the guard which
//! decides it.
//!
//! ```
//! # use actix_web::{App, get, web::{Data, Json}};
//! # use fauth_actix::{CurrentUser, SecureScope, auth_routes, require_permissions};
//! # use fauth_testing::TestUser;
//! use fauth_actix::openapi::{UtoipaAppExt as _, routes};
//! use utoipa_actix_web::AppExt as _;
//! # let auth = fauth_testing::provider().build().unwrap();
//!
//! #[utoipa::path(responses((status = OK, body = str)))]
//! #[get("/")]
//! async fn home() -> &'static str {
//!     "Welcome"
//! }
//!
//! #[utoipa::path(get, path = "/reports", responses((status = OK, body = Vec<String>)))]
//! async fn reports() -> Json<Vec<String>> {
//!     Json(vec!["2026-10".into(), "2026-11".into()])
//! }
//!
//! #[utoipa::path(responses((status = OK, body = Vec<String>)))]
//! #[get("/users")]
//! async fn users(admin: CurrentUser<TestUser>) -> Json<Vec<String>> {
//!     Json(vec![admin.name.clone()])
//! }
//!
//! let admins = SecureScope::new("/admin", &auth).require_roles(["admin"]).documented(users);
//! let (app, document) = App::new()
//!     .app_data(Data::new(auth.clone()))
//!     .into_utoipa_app()
//!     .service(home)
//!     .service(routes!(reports).guard(require_permissions(&auth, ["write"])))
//!     .service(admins)
//!     .service(auth_routes(&auth))
//!     .describe_auth(&auth) // last: it names the schemes and scopes of all that is there
//!     .split_for_parts();
//! # drop(app);
//! # let document = serde_json::to_value(&document).unwrap();
//! # assert_eq!(document["paths"]["/admin/users"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//! ```
//!
//! The middlewares of actix-web say nothing of themselves: what
//! [`wrap`](actix_web::Resource::wrap) guards is in no document. A route by itself gets its guard
//! by [`routes!`], and everything else stands in a [`SecureScope`].
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) and has no guard refuses strangers,
//! and its operation does not say so: put [`guard`](Routes::guard) with
//! [`require_user`](crate::require_user) around it, or [`visitor`](crate::visitor) for a
//! [`MaybeUser`](crate::MaybeUser).
//!
//! Whether a document is true, a test can ask:
//! `fauth_testing::openapi::walk` calls every operation of it.

use std::{any::Any, fmt};

use actix_web::{
    App, Error, FromRequest, Handler, Resource, Responder, Route,
    dev::{AppService, HttpServiceFactory, ServiceFactory, ServiceRequest},
    http::Method,
    web::{self, ServiceConfig},
};
pub use fauth_core::openapi::{Description, utoipa::DescribeAuth};
use fauth_core::{
    AuthUser,
    audit::Methods,
    openapi::{
        template,
        utoipa::{self as document, Schemas},
    },
};
use utoipa::openapi::{
    OpenApi,
    path::{PathItem, Paths, PathsMap},
};
use utoipa_actix_web::{OpenApiFactory, UtoipaApp};

pub use crate::documented_routes as routes;
use crate::{
    guard::RequireLayer,
    protect::Protect,
    router::{Middleware, Middlewares, SecureScope, boxed},
    routes::AuthRoutes,
};

/// Completes the document of an application.
pub trait UtoipaAppExt {
    /// Adds the security schemes that operations name, the scopes that they ask for, and the
    /// schemas of answers. Call it when everything is in the document, and once for each provider.
    ///
    /// Takes a provider, or a [`Description`] of one that says where its login is. The same for a
    /// document by itself: [`DescribeAuth`].
    #[must_use]
    fn describe_auth<'a, U: AuthUser>(self, auth: impl Into<Description<'a, U>>) -> Self;
}

impl<T> UtoipaAppExt for UtoipaApp<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    fn describe_auth<'a, U: AuthUser>(self, auth: impl Into<Description<'a, U>>) -> Self {
        let (app, document): (App<T>, OpenApi) = self.split_for_parts();
        Self::from(app).openapi(document.describe_auth(auth))
    }
}

/// Services with their document, for applications that a function configures: what the
/// `ServiceConfig` of `utoipa_actix_web` collects can be read by its `UtoipaApp` alone.
///
/// ```
/// # use actix_web::web::ServiceConfig;
/// # use fauth_actix::{auth_routes, openapi::{Documented, routes}, require_user};
/// # use fauth_core::AuthProvider;
/// # use fauth_testing::TestUser;
/// use std::future::ready;
///
/// use actix_web::web::{Json, get};
///
/// #[utoipa::path(get, path = "/reports")]
/// async fn reports() -> &'static str {
///     "all reports"
/// }
///
/// fn configure(auth: &AuthProvider<TestUser>, config: &mut ServiceConfig) {
///     let document = Documented::new(config)
///         .service(routes!(reports).guard(require_user(auth)))
///         .service(auth_routes(auth))
///         .describe_auth(auth)
///         .into_openapi();
///     config.route("/openapi.json", get().to(move || ready(Json(document.clone()))));
/// }
/// # let auth = fauth_testing::provider().build().unwrap();
/// # let app = actix_web::App::new().configure(|config| configure(&auth, config));
/// ```
#[must_use = "its document is lost if nobody asks for it"]
pub struct Documented<'a> {
    config: &'a mut ServiceConfig,
    document: OpenApi,
}

impl<'a> Documented<'a> {
    /// Adds services to this configuration.
    pub fn new(config: &'a mut ServiceConfig) -> Self {
        Self { config, document: OpenApi::default() }
    }

    /// Adds a service that says what it does; see [`SecureScope::documented`].
    pub fn service(mut self, factory: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        drop(add(&mut self.document, &factory));
        self.config.service(factory);
        self
    }

    /// As [`UtoipaAppExt::describe_auth`].
    pub fn describe_auth<'b, U: AuthUser>(self, auth: impl Into<Description<'b, U>>) -> Self {
        Self { document: self.document.describe_auth(auth), ..self }
    }

    /// The document. Its title and version are the application's to set.
    #[must_use]
    pub fn into_openapi(self) -> OpenApi {
        self.document
    }
}

impl fmt::Debug for Documented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documented").field("paths", &self.document.paths.paths.keys()).finish_non_exhaustive()
    }
}

/// Makes routes of handlers with `#[utoipa::path(get, path = "…")]`, for
/// [`guard`](crate::openapi::Routes::guard) and for the `service` of
/// [`UtoipaApp`](utoipa_actix_web::UtoipaApp). Handlers of one path become one resource.
///
/// The handlers are plain functions. Those with `#[get("…")]` of actix-web are services by
/// themselves, which nothing can be put around: put them into a
/// [`SecureScope`](crate::SecureScope) by [`documented`](crate::SecureScope::documented).
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

/// Routes that say what they do, and whom their guards let in; see [`routes!`].
#[derive(Default)]
#[must_use = "routes do nothing unless they are a service of an application or a scope"]
pub struct Routes {
    resources: Vec<(String, Vec<Route>)>,
    guards: Vec<Middleware>,
    document: OpenApi,
}

impl Routes {
    /// No routes.
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
            let methods = document::operations(item)
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

    /// Puts the guard in front of these routes, whatever the method, and says so in their
    /// operations.
    pub fn guard<U: AuthUser>(mut self, guard: RequireLayer<U>) -> Self {
        let schemas = document::stamp(guard.guard(), &mut self.document.paths);
        document::add_schemas(&mut self.document, schemas);
        self.guards.push(boxed(guard));
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

/// The document of a group.
pub(crate) struct ScopeDocument {
    prefix: String,
    inside: OpenApi,
}

impl ScopeDocument {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), inside: OpenApi::default() }
    }
}

impl<U: AuthUser> SecureScope<U> {
    /// Adds a service that says what it does: a handler with `#[utoipa::path]`, [`routes!`], a
    /// nested group, a scope of `utoipa_actix_web`. What [`service`](Self::service) adds is guarded
    /// and in no document.
    #[must_use]
    #[track_caller]
    pub fn documented(mut self, factory: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        let added = add(&mut self.document.inside, &factory);
        // Of a group its own declaration says it.
        if !(&factory as &dyn Any).is::<Self>() {
            for (path, methods) in &added {
                self.declaration().add_route(methods, path);
            }
        }
        self.service(factory)
    }
}

impl<U: AuthUser> OpenApiFactory for SecureScope<U> {
    fn paths(&self) -> Paths {
        let mut paths = with_templates(&self.document.prefix, self.document.inside.paths.clone());
        document::stamp(&self.guard, &mut paths);
        paths
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(schemas_of(&self.document.inside));
        schemas.extend(document::stamp(&self.guard, &mut self.document.inside.paths.clone()));
    }
}

impl<U: AuthUser> OpenApiFactory for AuthRoutes<U> {
    fn paths(&self) -> Paths {
        document::endpoints_of(&self.auth, &self.mounts).paths
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(schemas_of(&document::endpoints_of(&self.auth, &self.mounts)));
    }
}

/// Of two operations with one path and method the first stays, as in the router of actix-web.
/// What was added is returned: a factory may give its paths away once.
fn add(document: &mut OpenApi, factory: &impl OpenApiFactory) -> Vec<(String, Methods)> {
    let mut schemas = Schemas::new();
    factory.schemas(&mut schemas);
    let paths = factory.paths();
    let methods =
        |(path, item): (&String, &PathItem)| (path.clone(), Methods::of(document::methods_in(item)));
    let added = paths.paths.iter().map(methods).collect();
    document.paths.merge(paths);
    document::add_schemas(document, schemas);
    added
}

fn schemas_of(document: &OpenApi) -> Schemas {
    document.components.iter().flat_map(|components| components.schemas.clone()).collect()
}

/// The paths below a prefix, without the patterns of their parameters.
fn with_templates(prefix: &str, mut paths: Paths) -> Paths {
    let all: PathsMap<String, PathItem> = std::mem::take(&mut paths.paths);
    paths.paths = all.into_iter().map(|(path, item)| (template(&format!("{prefix}{path}")), item)).collect();
    paths
}

impl<U: AuthUser> Protect<U> {
    /// Says in every operation of a document what its rule asks for, beside what its guards ask
    /// for. Call it when everything is in the document, and before `describe_auth`.
    ///
    /// The paths of the document must be whole ones, as clients write them. See
    /// [`Protection::describe`](fauth_core::Protection::describe).
    pub fn describe(&self, document: &mut OpenApi) {
        document::stamp_rules(self.protection(), document);
    }
}
