//! Groups and the ready-made endpoints, with their documents.

use std::sync::Arc;

use axum::Router;
use fauth_core::{AuthProvider, AuthUser, audit::Methods, openapi::utoipa as openapi};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{router::SecureRouter, routes::AuthRoutes};

impl<U: AuthUser> SecureRouter<U> {
    /// Creates a group from the routes of this router, and keeps its document. The state of the
    /// handlers is the provider.
    ///
    /// Mount it with [`nest_secure`](super::OpenApiRouterExt::nest_secure).
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
    /// Adds routes made by [`routes!`](utoipa_axum::routes), with their document.
    ///
    /// # Panics
    /// Like [`Router::route`].
    #[must_use]
    #[track_caller]
    pub fn routes(self, routes: UtoipaMethodRouter<S>) -> Self {
        self.merge_openapi(OpenApiRouter::default().routes(routes))
    }

    /// Adds the routes of another router, with its document.
    ///
    /// # Panics
    /// Like [`Router::merge`].
    #[must_use]
    #[track_caller]
    pub fn merge_openapi(mut self, router: OpenApiRouter<S>) -> Self {
        let (router, other) = router.split_for_parts();
        self.declare(&other);
        merge(Arc::make_mut(&mut self.document), other, str::to_owned);
        self.merge(router)
    }

    /// Mounts a group in this group, with its document. A request must pass both guards.
    ///
    /// # Panics
    /// Like [`super::OpenApiRouterExt::nest_secure`].
    #[must_use]
    #[track_caller]
    pub fn nest_secure<V: AuthUser, T>(mut self, path: &str, group: SecureRouter<V, T>) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        nest(Arc::make_mut(&mut self.document), path, group.to_openapi());
        self.nest_service(path, group)
    }

    /// Adds the operations to the audit.
    #[track_caller]
    fn declare(&self, document: &OpenApi) {
        for (path, item) in &document.paths.paths {
            let methods = openapi::methods_in(item);
            self.declaration().add_route(&Methods::of(methods), path);
        }
    }

    /// Returns the document of this group: its routes, with what the guard requires.
    #[must_use]
    pub fn to_openapi(&self) -> OpenApi {
        let mut document = OpenApi::clone(&self.document);
        let schemas = openapi::stamp(&self.guard, &mut document.paths);
        openapi::add_schemas(&mut document, schemas);
        document
    }
}

/// The ready-made endpoints with their document, for [`OpenApiRouter::merge`](OpenApiRouter::merge)
/// and [`nest`](OpenApiRouter::nest).
impl<U, S> From<AuthRoutes<U, S>> for OpenApiRouter<S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    fn from(routes: AuthRoutes<U, S>) -> Self {
        let document = openapi::endpoints_of(&routes.auth, &routes.mounts);
        let mut documented = Self::from(Router::from(routes));
        *documented.get_openapi_mut() = document;
        documented
    }
}

pub(super) fn nest(document: &mut OpenApi, prefix: &str, other: OpenApi) {
    merge(document, other, |path| nested(prefix, path));
}

#[expect(clippy::panic, reason = "a route that is there twice makes axum panic too")]
fn merge(document: &mut OpenApi, other: OpenApi, compose: impl Fn(&str) -> String) {
    if let Err(operation) = openapi::merge(document, other, compose) {
        panic!("{operation} is in the document twice, and one of the two would be lost");
    }
}

/// Joins the paths of a nested router as axum does.
fn nested(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (_, "" | "/") => prefix.to_owned(),
        (Some(prefix), path) => format!("{prefix}{path}"),
        (None, path) => format!("{prefix}{path}"),
    }
}
