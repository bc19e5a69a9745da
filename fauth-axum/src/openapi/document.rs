//! The document as a whole: groups in it, and what belongs to a provider.

use fauth_core::{
    AuthUser,
    openapi::{Description, utoipa::DescribeAuth},
};
use utoipa_axum::router::OpenApiRouter;

use super::group::nest;
use crate::router::SecureRouter;

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
