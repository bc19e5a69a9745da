//! Groups and the ready-made endpoints, with their documents.

use std::any::Any;

use actix_web::dev::HttpServiceFactory;
use fauth_core::{
    AuthUser,
    audit::Methods,
    openapi::utoipa::{self as openapi, Schemas},
};
use utoipa::openapi::{
    OpenApi,
    path::{PathItem, Paths},
};
use utoipa_actix_web::OpenApiFactory;

use super::route::{schemas_of, with_templates};
use crate::{router::SecureScope, routes::AuthRoutes};

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
    /// Adds a documented service: a handler with `#[utoipa::path]`, [`routes!`](super::routes!), a
    /// nested group, or a scope of `utoipa_actix_web`. Services added by [`service`](Self::service)
    /// are guarded, but in no document.
    #[must_use]
    #[track_caller]
    pub fn documented(mut self, factory: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        let added = add(&mut self.document.inside, &factory);
        // A group is declared by its own declaration.
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
        openapi::stamp(&self.guard, &mut paths);
        paths
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(schemas_of(&self.document.inside));
        schemas.extend(openapi::stamp(&self.guard, &mut self.document.inside.paths.clone()));
    }
}

impl<U: AuthUser> OpenApiFactory for AuthRoutes<U> {
    fn paths(&self) -> Paths {
        openapi::endpoints_of(&self.auth, &self.mounts).paths
    }

    fn schemas(&self, schemas: &mut Schemas) {
        schemas.extend(schemas_of(&openapi::endpoints_of(&self.auth, &self.mounts)));
    }
}

/// Of two operations with the same path and method the first stays, as in the router of actix-web.
/// Returns what was added, because a factory may return its paths only once.
pub(super) fn add(document: &mut OpenApi, factory: &impl OpenApiFactory) -> Vec<(String, Methods)> {
    let mut schemas = Schemas::new();
    factory.schemas(&mut schemas);
    let paths = factory.paths();
    let methods = |(path, item): (&String, &PathItem)| (path.clone(), Methods::of(openapi::methods_in(item)));
    let added = paths.paths.iter().map(methods).collect();
    document.paths.merge(paths);
    openapi::add_schemas(document, schemas);
    added
}
