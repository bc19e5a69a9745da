//! One route: a guard or a limit in front of what `routes!` makes.

use fauth_core::{
    AuthUser,
    openapi::utoipa::{stamp, stamp_limits},
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{guard::RequireLayer, limit::LimitLayer};

/// Adds a guard or a limit to what [`routes!`](utoipa_axum::routes) makes.
pub trait RoutesExt {
    /// Puts the guard in front of these routes, and says so in their operations. What `layer` adds
    /// is in no document.
    #[must_use]
    fn guard<U: AuthUser>(self, guard: RequireLayer<U>) -> Self;

    /// Puts a limit in front of these routes, and says so in their operations. It guards nothing,
    /// and says nothing of who may call them.
    #[must_use]
    fn limit<U: AuthUser>(self, limit: LimitLayer<U>) -> Self;
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

    fn limit<U: AuthUser>(self, limit: LimitLayer<U>) -> Self {
        let (mut schemas, mut paths, methods) = self;
        schemas.extend(stamp_limits(limit.limiter(), &mut paths));
        (schemas, paths, methods.layer(limit))
    }
}
