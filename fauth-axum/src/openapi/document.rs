//! The document as a whole: its groups, and the parts that belong to a provider.

use fauth_core::{
    AuthUser,
    openapi::{
        Description,
        utoipa::{DescribeAuth, stamp_rules},
    },
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::group::nest;
use crate::{protect::Protect, router::SecureRouter};

/// Mounts groups together with their documents.
pub trait OpenApiRouterExt {
    /// Mounts a group under a path. Unlike [`nest_service`](OpenApiRouter::nest_service), it keeps
    /// the document of the group.
    ///
    /// # Panics
    /// Like `nest_service`; and if the document already has an operation of the group, since one of
    /// the two would be lost.
    #[must_use]
    fn nest_secure<U: AuthUser, T>(self, path: &str, group: SecureRouter<U, T>) -> Self
    where
        T: Clone + Send + Sync + 'static;

    /// Adds the security schemes and scopes that the operations require, and the schemas of
    /// responses. Call it once for each provider, when the document is otherwise complete.
    ///
    /// Takes a provider, or a [`Description`] of a provider that also says where its login is. To
    /// describe a document outside a router, use [`DescribeAuth`].
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
