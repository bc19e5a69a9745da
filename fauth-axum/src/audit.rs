//! The router that knows its routes.

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

/// A router that registers what it mounts, so that an audit lists every route of the application
/// and who may use it, and [`assert_all_guarded!`](crate::assert_all_guarded) finds the forgotten
/// guard. It becomes a [`Router`] by [`into_router`](Self::into_router).
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
/// # What it sees
/// A route with a guard of its own is added by [`guarded`](Self::guarded), a group by
/// [`nest_service`](Self::nest_service). A route that [`route`](Self::route) adds is listed as
/// open, whatever is inside of its `MethodRouter`. What cannot be seen into is mounted by a method
/// that says so (`merge_unseen`, `nest_unseen`, `nest_service_unseen`), is listed as unseen, and
/// counts as open.
///
/// # Which route gets a request
/// In axum the more specific path does, in whatever order they were added: text before a parameter,
/// and a parameter before the rest of a path. A group that is mounted at `/admin` has the paths
/// `/admin`, `/admin/` and `/admin/{*rest}`, the last of which is less specific than any other path
/// under it. So **a route `/admin/health` beside the group is routed past the guard**, and so is
/// `/admin/x{id}`; `/{any}/health` and a fallback are not. (axum takes no `/admin/{id}` beside a
/// group: it panics.) Routes of a router that is nested or merged are compared as if they had been
/// added here. The audit reports what is beside a group.
pub struct AuditedRouter<S = ()> {
    router: Router<S>,
    record: RouteRecord,
}

impl<S> AuditedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// An empty router.
    #[must_use]
    pub fn new() -> Self {
        Self { router: Router::new(), record: RouteRecord::new(Precedence::most_specific()) }
    }

    /// Adds a route without a guard, as [`Router::route`].
    #[must_use]
    #[track_caller]
    pub fn route(mut self, path: &str, methods: MethodRouter<S>) -> Self {
        self.record.open(&methods_of(&methods), path);
        Self { router: self.router.route(path, methods), ..self }
    }

    /// Adds a route behind a guard, such as [`require_user`](crate::require_user) or
    /// [`visitor`](crate::visitor). The guard covers all methods that are given here, and those
    /// that the route does not answer.
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

    /// Adds a route without a guard, behind a limit such as [`limit`](crate::limit). It is listed
    /// as open, with the limit: a limit guards nothing. A guard has a method `limit` of its own.
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

    /// Adds the ready-made endpoints, as [`auth_routes`](crate::auth_routes) makes them. For other
    /// paths, or pages of the application's own beside them, [`merge`](Self::merge) takes
    /// [`AuthRoutes`].
    #[must_use]
    #[track_caller]
    pub fn auth_routes<U: AuthUser>(self, auth: &AuthProvider<U>) -> Self {
        self.merge(AuthRoutes::new(auth))
    }

    /// Adds the routes of another router that knows them: an `AuditedRouter`, or [`AuthRoutes`].
    /// Two fallbacks are one too many, as in [`Router::merge`].
    #[must_use]
    pub fn merge<R: AuditedRoutes<S>>(mut self, routes: R) -> Self {
        let other = routes.into_audited();
        self.record.merge("", other.record);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Mounts another router that knows its routes under a path.
    #[must_use]
    pub fn nest<R: AuditedRoutes<S>>(mut self, path: &str, routes: R) -> Self {
        let other = routes.into_audited();
        self.record.merge(path, other.record);
        Self { router: self.router.nest(path, other.router), ..self }
    }

    /// Mounts a group under a path: a [`SecureRouter`].
    #[must_use]
    #[track_caller]
    pub fn nest_service<T: AuditedService>(self, path: &str, service: T) -> Self {
        service.mount(path, self)
    }

    /// Answers what no route does, as [`Router::fallback`]. It is listed as `/*`, and is open.
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

    /// Adds the routes of a router that nobody can see into. They are listed as unseen, and count
    /// as open. Their exception says so too: `"unseen /*"`.
    #[must_use]
    #[track_caller]
    pub fn merge_unseen(mut self, router: impl Into<Router<S>>) -> Self {
        self.record.unseen_routes("");
        Self { router: self.router.merge(router), ..self }
    }

    /// Mounts a router that nobody can see into under a path. It is listed as unseen, and counts as
    /// open. Its exception says so too: for `/old` it is `"unseen /old/*"`.
    #[must_use]
    #[track_caller]
    pub fn nest_unseen(mut self, path: &str, router: Router<S>) -> Self {
        self.record.unseen_routes(path);
        Self { router: self.router.nest(path, router), ..self }
    }

    /// Mounts a service that nobody can see into under a path, such as a folder of files. It is
    /// listed as unseen, and counts as open. Its exception says so too:
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

    /// Wraps the routes added so far into a layer, as [`Router::layer`]. The audit does not know
    /// what a layer does, and goes on listing the routes as before.
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

    /// Puts path rules in front of everything that was added so far; what is added later is not
    /// behind them. The audit lists the rules, and each route with what its rule asks for too.
    #[must_use]
    pub fn protect<U: AuthUser>(mut self, rules: Protect<U>) -> Self {
        self.record.protect(rules.protection().rules(), rules.declaration());
        Self { router: self.router.layer(rules), ..self }
    }

    /// Puts a limit in front of everything that was added so far; what is added later is not behind
    /// it. The audit lists it at each route.
    #[must_use]
    pub fn limit<U: AuthUser>(mut self, limit: LimitLayer<U>) -> Self {
        limit.declaration().into_iter().for_each(|declared| self.record.limit(declared));
        Self { router: self.router.layer(limit), ..self }
    }

    /// Gives the handlers their state, as [`Router::with_state`].
    #[must_use]
    pub fn with_state<S2>(self, state: S) -> AuditedRouter<S2> {
        AuditedRouter { router: self.router.with_state(state), record: self.record }
    }

    /// Writes the audit to the log, **in builds with debug assertions**; see [`Audit::log`].
    #[must_use]
    pub fn log_audit(self) -> Self {
        self.audit().log();
        self
    }

    /// The router, for [`axum::serve()`] and everything else. Whatever is added to it now is in no
    /// audit. From here on [`AuthProvider::audit`] knows where guards and groups lie.
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

/// Routes that an [`AuditedRouter`] knows when it takes them: those of another one, or
/// [`AuthRoutes`].
#[diagnostic::on_unimplemented(
    message = "nobody can see which routes `{Self}` has",
    label = "this is no router that knows its routes",
    note = "build it as an `AuditedRouter`, or take `merge_unseen` or `nest_unseen`: the audit lists it as \
            unseen then",
    note = "for `auth_routes(&auth)` take the method `auth_routes`, or `merge(AuthRoutes::new(&auth))`"
)]
pub trait AuditedRoutes<S> {
    /// The routes, with what is known about them.
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

/// A service that an [`AuditedRouter`] can see into: a [`SecureRouter`].
#[diagnostic::on_unimplemented(
    message = "nobody can see which routes `{Self}` has",
    label = "this is no group",
    note = "mount it with `nest_service_unseen`: the audit lists it as unseen then"
)]
pub trait AuditedService: Sized {
    /// Adds it to this router, under this path.
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
