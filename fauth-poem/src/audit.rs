//! A route that records its routes for audits.

use std::fmt;

use fauth_core::{
    AuthProvider, AuthUser,
    audit::{Audit, Audited, Methods, Precedence, RouteRecord, braced},
};
use poem::{EndpointExt as _, IntoEndpoint, Middleware, Route, endpoint::BoxEndpoint, middleware::AddData};

use crate::{
    guard::RequireMiddleware,
    limit::LimitMiddleware,
    protect::Protect,
    router::{SecureRoute, Wrapper},
    routes::AuthRoutes,
};

/// A route that records what it mounts. An audit then lists every route of the application and the
/// requirement of each, and [`assert_all_guarded!`](crate::assert_all_guarded) finds a missing
/// guard. It is served like a [`Route`], and takes middleware like one.
///
/// ```
/// # use fauth_testing::TestUser;
/// # use poem::{IntoEndpoint, get, handler};
/// use fauth_poem::{AuditedRoute, SecureRoute, assert_all_guarded, require_user};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # #[handler]
/// # fn home() {}
/// # #[handler]
/// # fn me() {}
/// # #[handler]
/// # fn users() {}
///
/// let admins = SecureRoute::new(&auth).require_roles(["admin"]).at("/users", get(users));
/// let app = AuditedRoute::new()
///     .auth_routes(&auth)
///     .at("/", get(home)) // open
///     .guarded("/me", require_user(&auth), get(me))
///     .nest("/admin", admins);
///
/// assert_all_guarded!(app, except ["/"]); // in a test
/// let app = app.log_audit().data(auth).into_endpoint(); // `Server::run` does that by itself
/// ```
///
/// # What the audit sees
/// Add a route with its own guard by [`guarded`](Self::guarded), and a group by
/// [`nest`](Self::nest). An endpoint added by [`at`](Self::at) is listed as open, whatever
/// middleware it has. Endpoints whose routes cannot be read are mounted by a method that says so
/// (`nest_unseen`, `nest_no_strip_unseen`). They are listed as unseen and count as open.
///
/// poem does not expose the methods of an endpoint; they are listed as `any`. Paths are listed with
/// braces: `/users/:id` as `/users/{id}`, `/files/*path` as `/files/{*path}`.
///
/// # Which route receives a request
/// In poem, the most specific path wins, in whatever order routes were added: text before a regular
/// expression, that before a parameter, and a parameter before the rest of a path. A group mounted
/// at `/admin` has the paths `/admin` and `/admin/*rest`; the last is less specific than any other
/// path below it. Therefore **a route `/admin/health` beside the group bypasses the guard**, and so
/// does `/admin/:id`. `/:any/health` and `/*rest` do not. The rest may be empty: `/*rest` also
/// takes `/`, and a route at `/` beside it is never reached. A nested route decides on its own
/// about everything under its path: its routes are not compared with those beside it, and are never
/// reached if a group is mounted under the same path and deeper. The audit reports both.
pub struct AuditedRoute {
    route: Route,
    record: RouteRecord,
    inside: Vec<Wrapper>,
}

impl AuditedRoute {
    /// Creates an empty route.
    #[must_use]
    pub fn new() -> Self {
        let record = RouteRecord::new(Precedence::most_specific_or_rest());
        Self { route: Route::new(), record, inside: Vec::new() }
    }

    /// Adds an endpoint without a guard, like [`Route::at`].
    ///
    /// # Panics
    /// Like [`Route::at`], if the path is taken or invalid.
    #[must_use]
    #[track_caller]
    pub fn at<E>(mut self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.record.open_resource(&Methods::any(), &braced(path.as_ref()));
        Self { route: self.route.at(path, endpoint), ..self }
    }

    /// Adds an endpoint behind a guard, such as [`require_user`](crate::require_user) or
    /// [`visitor`](crate::visitor). The guard covers all methods, also those that the endpoint does
    /// not answer.
    ///
    /// # Panics
    /// Like [`Route::at`], if the path is taken or invalid.
    #[must_use]
    #[track_caller]
    pub fn guarded<U, E>(mut self, path: impl AsRef<str>, guard: RequireMiddleware<U>, endpoint: E) -> Self
    where
        U: AuthUser,
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.record.guarded(&Methods::any(), &braced(path.as_ref()), guard.declaration());
        Self { route: self.route.at(path, endpoint.with(guard)), ..self }
    }

    /// Adds an endpoint without a guard, behind a limit such as [`limit`](crate::limit). The audit
    /// lists it as open, with the limit. Guards have a method `limit` of their own.
    ///
    /// # Panics
    /// Like [`Route::at`], if the path is taken or invalid.
    #[must_use]
    #[track_caller]
    pub fn limited<U, E>(mut self, path: impl AsRef<str>, limit: LimitMiddleware<U>, endpoint: E) -> Self
    where
        U: AuthUser,
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.record.open_resource(&Methods::any(), &braced(path.as_ref()));
        limit.declaration().into_iter().for_each(|declared| self.record.limited(declared));
        Self { route: self.route.at(path, endpoint.with(limit)), ..self }
    }

    /// Adds the ready-made endpoints, like [`auth_routes`](crate::auth_routes). To change their
    /// paths or to add pages beside them, pass [`AuthRoutes`] to [`endpoints`](Self::endpoints).
    #[must_use]
    #[track_caller]
    pub fn auth_routes<U: AuthUser>(self, auth: &AuthProvider<U>) -> Self {
        self.endpoints(AuthRoutes::new(auth))
    }

    /// Adds this selection of the ready-made endpoints.
    ///
    /// # Panics
    /// Like [`Route::at`], if one of their paths is taken or invalid.
    #[must_use]
    pub fn endpoints<U: AuthUser>(mut self, routes: AuthRoutes<U>) -> Self {
        self.record.endpoints(routes.declaration());
        Self { route: routes.mount_on(self.route), ..self }
    }

    /// Mounts an endpoint that records its routes under a path: a group ([`SecureRoute`]),
    /// [`AuthRoutes`], or another `AuditedRoute`.
    ///
    /// # Panics
    /// Like [`Route::nest`], if the path is taken or is no prefix.
    #[must_use]
    #[track_caller]
    pub fn nest<E: AuditedEndpoint>(self, path: impl AsRef<str>, endpoint: E) -> Self {
        endpoint.mount(path.as_ref(), self)
    }

    /// Mounts an endpoint that does not record its routes under a path, such as a plain [`Route`]
    /// or a folder of files. It is listed as unseen and counts as open. Except it by the same name:
    ///
    /// ```
    /// # use fauth_poem::{AuditedRoute, assert_all_guarded};
    /// # let swagger_ui = poem::Route::new();
    /// let app = AuditedRoute::new().nest_unseen("/docs", swagger_ui);
    ///
    /// assert_all_guarded!(app, except ["unseen /docs/*"]);
    /// ```
    ///
    /// # Panics
    /// Like [`Route::nest`], if the path is taken or is no prefix.
    #[must_use]
    #[track_caller]
    pub fn nest_unseen<E>(mut self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.record.unseen(&braced(path.as_ref()));
        Self { route: self.route.nest(path, endpoint), ..self }
    }

    /// Like [`nest_unseen`](Self::nest_unseen), for an endpoint that needs the path with its
    /// prefix.
    ///
    /// # Panics
    /// Like [`Route::nest_no_strip`], if the path is taken or is no prefix.
    #[must_use]
    #[track_caller]
    pub fn nest_no_strip_unseen<E>(mut self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.record.unseen(&braced(path.as_ref()));
        Self { route: self.route.nest_no_strip(path, endpoint), ..self }
    }

    /// Logs the audit, **in builds with debug assertions only**; see [`Audit::log`].
    #[must_use]
    pub fn log_audit(self) -> Self {
        self.audit().log();
        self
    }

    /// Provides data to the handlers of all routes, like
    /// [`EndpointExt::data`](poem::EndpointExt::data), and returns an `AuditedRoute`.
    #[must_use]
    pub fn data<T: Clone + Send + Sync + 'static>(self, data: T) -> Self {
        self.with_inside(AddData::new(data))
    }

    /// Wraps all routes in a middleware, and returns an `AuditedRoute`. (`.with(..)` is poem's
    /// own.) The audit does not know what the middleware does, and lists the routes as before.
    #[must_use]
    pub fn with_inside<M>(mut self, middleware: M) -> Self
    where
        M: Middleware<BoxEndpoint<'static>, Output: 'static> + Send + Sync + 'static,
    {
        self.inside.push(Box::new(move |inner| middleware.transform(inner).map_to_response().boxed()));
        self
    }

    /// Puts path rules in front of all routes, and returns an `AuditedRoute`. The audit lists the
    /// rules, and what the matching rule requires of each route. Call it last: the rules also cover
    /// routes added later, but the audit lists those without them.
    #[must_use]
    pub fn protect<U: AuthUser>(mut self, rules: Protect<U>) -> Self {
        self.record.protect(rules.protection().rules(), rules.declaration());
        self.with_inside(rules)
    }

    /// Puts a limit in front of all routes, and returns an `AuditedRoute`. The audit lists it with
    /// each route. Call it last: the limit also covers routes added later, but the audit lists
    /// those without it.
    #[must_use]
    pub fn limit<U: AuthUser>(mut self, limit: LimitMiddleware<U>) -> Self {
        limit.declaration().into_iter().for_each(|declared| self.record.limit(declared));
        self.with_inside(limit)
    }

    /// Returns the endpoint, without settling the paths of its record.
    fn into_plain(self) -> BoxEndpoint<'static> {
        self.inside.into_iter().fold(self.route.boxed(), |inner, wrap| wrap(inner))
    }
}

impl Default for AuditedRoute {
    fn default() -> Self {
        Self::new()
    }
}

impl Audited for AuditedRoute {
    fn audit(&self) -> Audit {
        self.record.audit()
    }
}

/// After this, [`AuthProvider::audit`] knows the paths of guards and groups.
impl IntoEndpoint for AuditedRoute {
    type Endpoint = BoxEndpoint<'static>;

    fn into_endpoint(self) -> Self::Endpoint {
        self.record.settle();
        self.into_plain()
    }
}

impl fmt::Debug for AuditedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedRoute").field("record", &self.record).finish_non_exhaustive()
    }
}

/// An endpoint whose routes an [`AuditedRoute`] can record: a [`SecureRoute`], [`AuthRoutes`], or
/// another `AuditedRoute`.
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be audited",
    label = "this endpoint does not record its routes",
    note = "build it as an `AuditedRoute`, or use `nest_unseen`: the audit then lists it as unseen",
    note = "for `auth_routes(&auth)`, use the method `auth_routes` or `nest(path, AuthRoutes::new(&auth))`"
)]
pub trait AuditedEndpoint: Sized {
    /// Mounts it in this route, under this path.
    #[track_caller]
    fn mount(self, path: &str, route: AuditedRoute) -> AuditedRoute;
}

impl<U: AuthUser> AuditedEndpoint for SecureRoute<U> {
    #[track_caller]
    fn mount(self, path: &str, mut route: AuditedRoute) -> AuditedRoute {
        route.record.group(&braced(path), self.declaration());
        AuditedRoute { route: route.route.nest(path, self), ..route }
    }
}

impl<U: AuthUser> AuditedEndpoint for AuthRoutes<U> {
    fn mount(self, path: &str, route: AuditedRoute) -> AuditedRoute {
        AuditedRoute::new().endpoints(self).mount(path, route)
    }
}

impl AuditedEndpoint for AuditedRoute {
    fn mount(self, path: &str, mut route: Self) -> Self {
        route.record.nest(&braced(path), self.record.clone());
        Self { route: route.route.nest(path, self.into_plain()), ..route }
    }
}
