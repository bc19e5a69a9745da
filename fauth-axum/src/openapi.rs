//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`utoipa_axum`](https://docs.rs/utoipa-axum).
//!
//! Handlers say what they do, and nothing of who may call them: that comes from the guard which
//! decides it.
//!
//! ```
//! # use axum::Json;
//! # use fauth_axum::{AuthRoutes, CurrentUser, SecureRouter, require_permissions};
//! # use fauth_testing::TestUser;
//! use fauth_axum::openapi::{OpenApiRouterExt as _, RoutesExt as _};
//! use utoipa_axum::{router::OpenApiRouter, routes};
//! # let auth = fauth_testing::provider().build().unwrap();
//!
//! #[utoipa::path(get, path = "/", responses((status = OK, body = str)))]
//! async fn home() -> &'static str {
//!     "Welcome"
//! }
//!
//! #[utoipa::path(get, path = "/reports", responses((status = OK, body = Vec<String>)))]
//! async fn reports() -> Json<Vec<String>> {
//!     Json(vec!["2026-10".into(), "2026-11".into()])
//! }
//!
//! #[utoipa::path(get, path = "/users", responses((status = OK, body = Vec<String>)))]
//! async fn users(admin: CurrentUser<TestUser>) -> Json<Vec<String>> {
//!     Json(vec![admin.name.clone()])
//! }
//!
//! let admins = SecureRouter::new(&auth).require_roles(["admin"]).routes(routes!(users));
//! let (app, document) = OpenApiRouter::new()
//!     .routes(routes!(home))
//!     .routes(routes!(reports).guard(require_permissions(&auth, ["write"])))
//!     .nest_secure("/admin", admins)
//!     .merge(AuthRoutes::new(&auth).into())
//!     .describe_auth(&auth) // last: it names the schemes and scopes of all that is there
//!     .with_state(auth)
//!     .split_for_parts();
//! # let _: axum::Router = app;
//! # let document = serde_json::to_value(&document).unwrap();
//! # assert_eq!(document["paths"]["/admin/users"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//! ```
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) and has no guard refuses strangers,
//! and its operation does not say so: put [`guard`](RoutesExt::guard) with
//! [`require_user`](crate::require_user) around it, or [`visitor`](crate::visitor) for a
//! [`MaybeUser`](crate::MaybeUser).
//!
//! Whether a document is true, a test can ask:
//! `fauth_testing::openapi::walk` calls every operation of it.

use std::sync::Arc;

use axum::Router;
pub use fauth_core::openapi::{Description, utoipa::DescribeAuth};
use fauth_core::{AuthProvider, AuthUser, audit::Methods, openapi::utoipa as document};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{guard::RequireLayer, protect::Protect, router::SecureRouter, routes::AuthRoutes};

/// Adds a guard to what [`routes!`](utoipa_axum::routes) makes.
pub trait RoutesExt {
    /// Puts the guard in front of these routes, and says so in their operations. What `layer` adds
    /// is in no document.
    #[must_use]
    fn guard<U: AuthUser>(self, guard: RequireLayer<U>) -> Self;
}

impl<S> RoutesExt for UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn guard<U: AuthUser>(self, guard: RequireLayer<U>) -> Self {
        let (mut schemas, mut paths, methods) = self;
        schemas.extend(document::stamp(guard.guard(), &mut paths));
        (schemas, paths, methods.layer(guard))
    }
}

/// Mounts groups together with their documents.
pub trait OpenApiRouterExt {
    /// Mounts a group under a path, as [`nest_service`](OpenApiRouter::nest_service) does, which
    /// would drop its document.
    ///
    /// # Panics
    /// As `nest_service`; and if the document has an operation of the group already, since one of
    /// the two would be lost.
    #[must_use]
    fn nest_secure<U: AuthUser, T>(self, path: &str, group: SecureRouter<U, T>) -> Self
    where
        T: Clone + Send + Sync + 'static;

    /// Adds the security schemes that operations name, the scopes that they ask for, and the
    /// schemas of answers. Call it when everything is in the document, and once for each provider.
    ///
    /// Takes a provider, or a [`Description`] of one that says where its login is. The same for a
    /// document by itself: [`DescribeAuth`].
    #[must_use]
    fn describe_auth<'a, U: AuthUser>(self, auth: impl Into<Description<'a, U>>) -> Self;
}

impl<S> OpenApiRouterExt for OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn nest_secure<U: AuthUser, T>(mut self, path: &str, group: SecureRouter<U, T>) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        nest(self.get_openapi_mut(), path, group.to_openapi());
        self.nest_service(path, group)
    }

    fn describe_auth<'a, U: AuthUser>(mut self, auth: impl Into<Description<'a, U>>) -> Self {
        *self.get_openapi_mut() = self.to_openapi().describe_auth(auth);
        self
    }
}

impl<U: AuthUser> SecureRouter<U> {
    /// A group of the routes of this router, in which its document stays. The handlers have the
    /// provider as their state.
    ///
    /// Mount it with [`nest_secure`](OpenApiRouterExt::nest_secure).
    #[must_use]
    #[track_caller]
    pub fn from_openapi(auth: &AuthProvider<U>, router: OpenApiRouter<AuthProvider<U>>) -> Self {
        Self::new(auth).merge_openapi(router)
    }
}

impl<U, S> SecureRouter<U, S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    /// Adds routes that [`routes!`](utoipa_axum::routes) has made, and what it says of them.
    ///
    /// # Panics
    /// As [`Router::route`].
    #[must_use]
    #[track_caller]
    pub fn routes(self, routes: UtoipaMethodRouter<S>) -> Self {
        self.merge_openapi(OpenApiRouter::default().routes(routes))
    }

    /// Adds the routes of another router, and its document.
    ///
    /// # Panics
    /// As [`Router::merge`].
    #[must_use]
    #[track_caller]
    pub fn merge_openapi(mut self, router: OpenApiRouter<S>) -> Self {
        let (router, other) = router.split_for_parts();
        self.declare(&other);
        merge(Arc::make_mut(&mut self.document), other, str::to_owned);
        self.merge(router)
    }

    /// Mounts a group in this group, with its document: whoever enters has to pass both guards.
    ///
    /// # Panics
    /// As [`OpenApiRouterExt::nest_secure`].
    #[must_use]
    #[track_caller]
    pub fn nest_secure<V: AuthUser, T>(mut self, path: &str, group: SecureRouter<V, T>) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        nest(Arc::make_mut(&mut self.document), path, group.to_openapi());
        self.nest_service(path, group)
    }

    /// Makes the operations known to audits.
    #[track_caller]
    fn declare(&self, document: &OpenApi) {
        for (path, item) in &document.paths.paths {
            let methods = document::methods_in(item);
            self.declaration().add_route(&Methods::of(methods), path);
        }
    }

    /// The document of this group: what its routes say of themselves, and what the guard asks for.
    #[must_use]
    pub fn to_openapi(&self) -> OpenApi {
        let mut document = OpenApi::clone(&self.document);
        let schemas = document::stamp(&self.guard, &mut document.paths);
        document::add_schemas(&mut document, schemas);
        document
    }
}

/// The ready-made endpoints with their document, for
/// [`OpenApiRouter::merge`](OpenApiRouter::merge) and [`nest`](OpenApiRouter::nest).
impl<U, S> From<AuthRoutes<U, S>> for OpenApiRouter<S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    fn from(routes: AuthRoutes<U, S>) -> Self {
        let document = document::endpoints_of(&routes.auth, &routes.mounts);
        let mut documented = Self::from(Router::from(routes));
        *documented.get_openapi_mut() = document;
        documented
    }
}

fn nest(document: &mut OpenApi, prefix: &str, other: OpenApi) {
    merge(document, other, |path| nested(prefix, path));
}

#[expect(clippy::panic, reason = "a route that is there twice makes axum panic too")]
fn merge(document: &mut OpenApi, other: OpenApi, compose: impl Fn(&str) -> String) {
    if let Err(operation) = document::merge(document, other, compose) {
        panic!("{operation} is in the document twice, and one of the two would be lost");
    }
}

/// As axum joins the paths of a nested router.
fn nested(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (_, "" | "/") => prefix.to_owned(),
        (Some(prefix), path) => format!("{prefix}{path}"),
        (None, path) => format!("{prefix}{path}"),
    }
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
