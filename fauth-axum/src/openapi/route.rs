//! One route: a guard in front of what `routes!` makes.

use fauth_core::{AuthUser, openapi::utoipa::stamp};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::guard::RequireLayer;

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
        schemas.extend(stamp(guard.guard(), &mut paths));
        (schemas, paths, methods.layer(guard))
    }
}
