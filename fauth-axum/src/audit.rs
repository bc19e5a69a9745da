//! A router that records its routes for audits.

use std::{convert::Infallible, fmt};

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodRouter, Route},
};
use fauth_core::{
    AuthProvider, AuthUser,
    audit::{Audit, Audited, Precedence, RouteRecord},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    guard::RequireLayer,
    limit::LimitLayer,
    protect::Protect,
    router::{SecureRouter, methods_of},
    routes::AuthRoutes,
};

/// A router that records what it mounts. An audit then lists every route of the application and the
/// requirement of each, and [`assert_all_guarded!`](crate::assert_all_guarded) finds a missing
/// guard. Convert it with [`into_router`](Self::into_router).
///
/// ```
/// # use axum::{Router, routing::{get, post}};
/// # use fauth_testing::TestUser;
/// use fauth_axum::{AuditedRouter, SecureRouter, assert_all_guarded, require_user};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # async fn home() {}
/// # async fn me() {}
/// # async fn users() {}
///
/// let admins = SecureRouter::new(&auth).require_roles(["admin"]).route("/users", get(users));
/// let app = AuditedRouter::new()
///     .auth_routes(&auth)
///     .route("/", get(home)) // open
///     .guarded("/me", require_user(&auth), get(me))
///     .nest_service("/admin", admins);
///
/// assert_all_guarded!(app, except ["/"]); // in a test
/// let app: Router = app.log_audit().into_router();
/// ```
///
/// # What the audit sees
/// Add a route with its own guard by [`guarded`](Self::guarded), and a group by
/// [`nest_service`](Self::nest_service). A route added by [`route`](Self::route) is listed as open,
/// whatever layers its `MethodRouter` has. Services whose routes cannot be read are mounted by a
/// method that says so (`merge_unseen`, `nest_unseen`, `nest_service_unseen`). They are listed as
/// unseen and count as open.
///
/// # Which route receives a request
/// In axum, the most specific path wins, in whatever order routes were added: text before a
/// parameter, and a parameter before the rest of a path. A group mounted at `/admin` has the paths
/// `/admin`, `/admin/` and `/admin/{*rest}`; the last is less specific than any other path below
/// it. Therefore **a route `/admin/health` beside the group bypasses the guard**, and so does
/// `/admin/x{id}`. `/{any}/health` and a fallback do not. (axum panics on `/admin/{id}` beside a
/// group.) Routes of nested or merged routers are compared as if they had been added here. The
/// audit reports routes beside a group.
pub struct AuditedRouter<S = ()> {
    router: Router<S>,
    record: RouteRecord,
}

impl<S> AuditedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Creates an empty router.
    #[must_use]
    pub fn new() -> Self {
        Self { router: Router::new(), record: RouteRecord::new(Precedence::most_specific()) }
    }

    /// Adds a route without a guard, like [`Router::route`].
    #[must_use]
    #[track_caller]
    pub fn route(mut self, path: &str, methods: MethodRouter<S>) -> Self {
        self.record.open(&methods_of(&methods), path);
        Self { router: self.router.route(path, methods), ..self }
    }

    /// Adds a route behind a guard, such as [`require_user`](crate::require_user) or
    /// [`visitor`](crate::visitor). The guard covers all methods given here, and requests with any
    /// other method.
    #[must_use]
    #[track_caller]
    pub fn guarded<U: AuthUser>(
        mut self,
        path: &str,
        guard: RequireLayer<U>,
        methods: MethodRouter<S>,
    ) -> Self {
        self.record.guarded(&methods_of(&methods), path, guard.declaration());
        Self { router: self.router.route(path, methods.layer(guard)), ..self }
    }

    /// Adds a route without a guard, behind a limit such as [`limit`](crate::limit). The audit
    /// lists it as open, with the limit. Guards have a method `limit` of their own.
    #[must_use]
    #[track_caller]
    pub fn limited<U: AuthUser>(
        mut self,
        path: &str,
        limit: LimitLayer<U>,
        methods: MethodRouter<S>,
    ) -> Self {
        self.record.open(&methods_of(&methods), path);
        limit.declaration().into_iter().for_each(|declared| self.record.limited(declared));
        Self { router: self.router.route(path, methods.layer(limit)), ..self }
    }

    /// Adds the ready-made endpoints, like [`auth_routes`](crate::auth_routes). To change their
    /// paths or to add pages beside them, pass [`AuthRoutes`] to [`merge`](Self::merge).
    #[must_use]
    #[track_caller]
    pub fn auth_routes<U: AuthUser>(self, auth: &AuthProvider<U>) -> Self {
        self.merge(AuthRoutes::new(auth))
    }

    /// Adds the routes of another router that records them: an `AuditedRouter` or [`AuthRoutes`].
    /// At most one of the two may have a fallback, as with [`Router::merge`].
    #[must_use]
    pub fn merge<R: AuditedRoutes<S>>(mut self, routes: R) -> Self {
        let other = routes.into_audited();
        self.record.merge("", other.record);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Mounts another router that records its routes under a path.
    #[must_use]
    pub fn nest<R: AuditedRoutes<S>>(mut self, path: &str, routes: R) -> Self {
        let other = routes.into_audited();
        self.record.merge(path, other.record);
        Self { router: self.router.nest(path, other.router), ..self }
    }

    /// Mounts a group, a [`SecureRouter`], under a path.
    #[must_use]
    #[track_caller]
    pub fn nest_service<T: AuditedService>(self, path: &str, service: T) -> Self {
        service.mount(path, self)
    }

    /// Sets the handler for requests that match no route, like [`Router::fallback`]. The audit
    /// lists it as `/*`, and as open.
    #[must_use]
    #[track_caller]
    pub fn fallback<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.record.fallback();
        Self { router: self.router.fallback(handler), ..self }
    }

    /// Adds the routes of a router that does not record them. They are listed as unseen and count
    /// as open. Except them as `"unseen /*"`.
    #[must_use]
    #[track_caller]
    pub fn merge_unseen(mut self, router: impl Into<Router<S>>) -> Self {
        self.record.unseen_routes("");
        Self { router: self.router.merge(router), ..self }
    }

    /// Mounts a router that does not record its routes under a path. It is listed as unseen and
    /// counts as open. Except a router at `/old` as `"unseen /old/*"`.
    #[must_use]
    #[track_caller]
    pub fn nest_unseen(mut self, path: &str, router: Router<S>) -> Self {
        self.record.unseen_routes(path);
        Self { router: self.router.nest(path, router), ..self }
    }

    /// Mounts a service that does not record its routes under a path, such as a folder of files. It
    /// is listed as unseen and counts as open. Except it by the same name:
    ///
    /// ```
    /// # use axum::Router;
    /// # use fauth_axum::{AuditedRouter, assert_all_guarded};
    /// # let swagger_ui = Router::<()>::new();
    /// let app = AuditedRouter::new().nest_service_unseen("/docs", swagger_ui);
    ///
    /// assert_all_guarded!(app, except ["unseen /docs/*"]);
    /// # let _: Router = app.into_router();
    /// ```
    #[must_use]
    #[track_caller]
    pub fn nest_service_unseen<T>(mut self, path: &str, service: T) -> Self
    where
        T: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.record.unseen(path);
        Self { router: self.router.nest_service(path, service), ..self }
    }

    /// Wraps the routes added so far in a layer, like [`Router::layer`]. The audit does not know
    /// what the layer does, and lists the routes as before.
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self { router: self.router.layer(layer), ..self }
    }

    /// Puts path rules in front of everything added so far; routes added later are not covered. The
    /// audit lists the rules, and what the matching rule requires of each route.
    #[must_use]
    pub fn protect<U: AuthUser>(mut self, rules: Protect<U>) -> Self {
        self.record.protect(rules.protection().rules(), rules.declaration());
        Self { router: self.router.layer(rules), ..self }
    }

    /// Puts a limit in front of everything added so far; routes added later are not covered. The
    /// audit lists it with each route.
    #[must_use]
    pub fn limit<U: AuthUser>(mut self, limit: LimitLayer<U>) -> Self {
        limit.declaration().into_iter().for_each(|declared| self.record.limit(declared));
        Self { router: self.router.layer(limit), ..self }
    }

    /// Provides the state of the handlers, like [`Router::with_state`].
    #[must_use]
    pub fn with_state<S2>(self, state: S) -> AuditedRouter<S2> {
        AuditedRouter { router: self.router.with_state(state), record: self.record }
    }

    /// Logs the audit, **in builds with debug assertions only**; see [`Audit::log`].
    #[must_use]
    pub fn log_audit(self) -> Self {
        self.audit().log();
        self
    }

    /// Returns the router, for [`axum::serve()`]. Routes added to it from now on are in no audit.
    /// After this call, [`AuthProvider::audit`] knows the paths of guards and groups.
    pub fn into_router(self) -> Router<S> {
        self.record.settle();
        self.router
    }
}

impl<S> Default for AuditedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Audited for AuditedRouter<S> {
    fn audit(&self) -> Audit {
        self.record.audit()
    }
}

impl<S> From<AuditedRouter<S>> for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn from(audited: AuditedRouter<S>) -> Self {
        audited.into_router()
    }
}

impl<S> Clone for AuditedRouter<S> {
    fn clone(&self) -> Self {
        Self { router: self.router.clone(), record: self.record.clone() }
    }
}

impl<S> fmt::Debug for AuditedRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedRouter").field("record", &self.record).finish_non_exhaustive()
    }
}

/// Routes that an [`AuditedRouter`] can record: another `AuditedRouter` or [`AuthRoutes`].
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be audited",
    label = "this router does not record its routes",
    note = "build it as an `AuditedRouter`, or use `merge_unseen` or `nest_unseen`: the audit then lists it \
            as unseen",
    note = "for `auth_routes(&auth)`, use the method `auth_routes` or `merge(AuthRoutes::new(&auth))`"
)]
pub trait AuditedRoutes<S> {
    /// Returns the routes and what is recorded about them.
    fn into_audited(self) -> AuditedRouter<S>;
}

impl<S> AuditedRoutes<S> for AuditedRouter<S> {
    fn into_audited(self) -> Self {
        self
    }
}

impl<U, S> AuditedRoutes<S> for AuthRoutes<U, S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    fn into_audited(self) -> AuditedRouter<S> {
        let mut audited = AuditedRouter::new();
        audited.record.endpoints(self.declaration());
        AuditedRouter { router: self.into(), ..audited }
    }
}

/// A service whose routes an [`AuditedRouter`] can record: a [`SecureRouter`].
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be audited",
    label = "this is not a group",
    note = "mount it with `nest_service_unseen`: the audit then lists it as unseen"
)]
pub trait AuditedService: Sized {
    /// Mounts it in this router, under this path.
    #[track_caller]
    fn mount<S>(self, path: &str, router: AuditedRouter<S>) -> AuditedRouter<S>
    where
        S: Clone + Send + Sync + 'static;
}

impl<U: AuthUser, T> AuditedService for SecureRouter<U, T>
where
    T: Clone + Send + Sync + 'static,
{
    #[track_caller]
    fn mount<S>(self, path: &str, mut router: AuditedRouter<S>) -> AuditedRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        router.record.group(path, self.declaration());
        AuditedRouter { router: router.router.nest_service(path, self), ..router }
    }
}
