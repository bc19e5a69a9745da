//! The document as a whole: of an application, or of a configuration function.

use std::fmt;

use actix_web::{
    App, Error,
    dev::{HttpServiceFactory, ServiceFactory, ServiceRequest},
    web::ServiceConfig,
};
use fauth_core::{
    AuthUser,
    openapi::{
        Description,
        utoipa::{DescribeAuth, stamp_rules},
    },
};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{OpenApiFactory, UtoipaApp};

use super::group::add;
use crate::protect::Protect;

/// Completes the document of an application.
pub trait UtoipaAppExt {
    /// Adds the security schemes and scopes that the operations require, and the schemas of
    /// responses. Call it once for each provider, when the document is otherwise complete.
    ///
    /// Takes a provider, or a [`Description`] of a provider that also says where its login is. To
    /// describe a document outside a router, use [`DescribeAuth`].
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

/// Services with their document, for applications that are set up by a configuration function. (The
/// document that a `ServiceConfig` of `utoipa_actix_web` collects can be read by its `UtoipaApp`
/// only.)
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
    /// Creates a collection that adds services to this configuration.
    pub fn new(config: &'a mut ServiceConfig) -> Self {
        Self { config, document: OpenApi::default() }
    }

    /// Adds a documented service; see [`SecureScope::documented`](crate::SecureScope::documented).
    pub fn service(mut self, factory: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        drop(add(&mut self.document, &factory));
        self.config.service(factory);
        self
    }

    /// Like [`UtoipaAppExt::describe_auth`].
    pub fn describe_auth<'b, U: AuthUser>(self, auth: impl Into<Description<'b, U>>) -> Self {
        Self { document: self.document.describe_auth(auth), ..self }
    }

    /// Returns the document. Set its title and version yourself.
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

impl<U: AuthUser> Protect<U> {
    /// Adds to every operation of a document what its path rule requires, beside what its guards
    /// require. Call it when the document is otherwise complete, and before `describe_auth`.
    ///
    /// The document must have whole paths, as clients send them. See
    /// [`Protection::describe`](fauth_core::Protection::describe).
    pub fn describe(&self, document: &mut OpenApi) {
        stamp_rules(self.protection(), document);
    }
}
