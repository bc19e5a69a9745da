//! A guard or a limit in front of what `routes!` makes.

use fauth_core::{
    AuthUser,
    openapi::utoipa::{stamp, stamp_limits},
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{guard::RequireLayer, limit::LimitLayer};

/// Adds a guard or a limit to what [`routes!`](utoipa_axum::routes) makes.
pub trait RoutesExt {
    /// Puts the guard in front of these routes, and adds it to their operations. A guard added by
    /// `layer` is not documented.
    #[must_use]
    fn guard<U: AuthUser>(self, guard: RequireLayer<U>) -> Self;

    /// Puts a limit in front of these routes, and adds it to their operations. A limit is no guard:
    /// the operations remain open.
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
