//! The scope that knows its routes.

use std::fmt;

use actix_web::{
    Error, Route, Scope,
    body::MessageBody,
    dev::{AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, Transform},
};
use fauth_core::{
    AuthProvider, AuthUser,
    audit::{Audit, Audited, Precedence, RouteRecord},
};

use crate::{
    guard::RequireLayer,
    limit::LimitLayer,
    protect::Protect,
    router::{Inside, Middleware, Middlewares, Routes, SecureScope, boxed, methods_of, resource_of},
    routes::AuthRoutes,
};

/// A scope that registers what it mounts, so that an audit lists every route of the application and
/// who may use it, and [`assert_all_guarded!`](crate::assert_all_guarded) finds the forgotten
/// guard. It is a service for [`App::service`](actix_web::App::service): with the prefix `""`, the
/// whole application.
///
/// ```
/// # use actix_web::{App, web::get};
/// # use fauth_testing::TestUser;
/// use fauth_actix::{AuditedScope, SecureScope, assert_all_guarded, require_user};
/// use fauth_core::audit::Audited as _;
/// # let auth = fauth_testing::provider().build().unwrap();
/// # async fn home() -> &'static str { "" }
/// # async fn me() -> &'static str { "" }
/// # async fn users() -> &'static str { "" }
///
/// let routes = move || {
///     let admins = SecureScope::new("/admin", &auth)
///         .require_roles(["admin"])
///         .resource("/users", get().to(users));
///     AuditedScope::new("")
///         .auth_routes(&auth)
///         .resource("/", get().to(home)) // open
///         .guarded("/me", require_user(&auth), get().to(me))
///         .service(admins)
/// };
///
/// assert_all_guarded!(routes(), except ["/"]); // in a test
/// routes().audit().log(); // at the start, once
/// let app = move || App::new().service(routes()); // for `HttpServer::new`: for each worker
/// # let _ = app();
/// ```
///
/// # What it sees
/// A route with a guard of its own is added by [`guarded`](Self::guarded), a group by
/// [`service`](Self::service). A route that [`route`](Self::route) or [`resource`](Self::resource)
/// adds is listed as open, whatever it is wrapped in. What cannot be seen into is mounted by
/// [`service_unseen`](Self::service_unseen), is listed as unseen, and counts as open. Services that
/// the application has beside this one are in no audit.
///
/// actix-web does not show the methods of a route. To find them out, each is made once more than
/// the server makes it, and its guards are asked with an empty request of each method. GET does not
/// answer HEAD.
///
/// # Which route gets a request
/// In actix-web whatever was registered first does, if its path matches, and a scope takes
/// everything under its prefix. So **a route `/admin/health` that is registered before a group
/// `/admin` is routed past the guard**, and so is `/{any}/health`; one that is registered after the
/// group is never reached. The audit reports both. A [`route`](Self::route) leaves other methods to
/// those that come after it, a [`resource`](Self::resource) and [`guarded`](Self::guarded) answer
/// them with 405, the latter to those whom its guard lets in.
pub struct AuditedScope {
    prefix: String,
    scope: Scope,
    middlewares: Vec<Middleware>,
    record: RouteRecord,
}

impl AuditedScope {
    /// An empty scope under this prefix. A slash at its end counts: `/api/` answers `/api//x`, and
    /// not `/api/x`. Write `/api`, and for everything `""`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let (prefix, scope) = (prefix.to_owned(), Scope::new(prefix));
        let record = RouteRecord::new(Precedence::FirstRegistered);
        Self { prefix, scope, middlewares: Vec::new(), record }
    }

    /// Adds a route without a guard, as [`Scope::route`].
    #[must_use]
    #[track_caller]
    pub fn route(mut self, path: &str, route: Route) -> Self {
        self.record.open(&methods_of([&route]), path);
        Self { scope: self.scope.route(path, route), ..self }
    }

    /// Adds a resource of these routes, without a guard: one, or an array of them.
    #[must_use]
    #[track_caller]
    pub fn resource(mut self, path: &str, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.open_resource(&methods_of(&routes), path);
        Self { scope: self.scope.service(resource_of(path, routes)), ..self }
    }

    /// Adds a resource behind a guard, such as [`require_user`](crate::require_user) or
    /// [`visitor`](crate::visitor), with one route or an array of them. The guard covers all of
    /// them, and the methods that none of them answers.
    #[must_use]
    #[track_caller]
    pub fn guarded<U: AuthUser>(mut self, path: &str, guard: RequireLayer<U>, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.guarded(&methods_of(&routes), path, guard.declaration());
        Self { scope: self.scope.service(resource_of(path, routes).wrap(guard)), ..self }
    }

    /// Adds a resource without a guard, behind a limit such as [`limit`](crate::limit), with one
    /// route or an array of them. It is listed as open, with the limit: a limit guards nothing. A
    /// guard has a method `limit` of its own.
    #[must_use]
    #[track_caller]
    pub fn limited<U: AuthUser>(mut self, path: &str, limit: LimitLayer<U>, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.open_resource(&methods_of(&routes), path);
        limit.declaration().into_iter().for_each(|declared| self.record.limited(declared));
        Self { scope: self.scope.service(resource_of(path, routes).wrap(limit)), ..self }
    }

    /// Adds the ready-made endpoints, as [`auth_routes`](crate::auth_routes) makes them. For other
    /// paths, or pages of the application's own beside them, [`service`](Self::service) takes
    /// [`AuthRoutes`].
    #[must_use]
    #[track_caller]
    pub fn auth_routes<U: AuthUser>(self, auth: &AuthProvider<U>) -> Self {
        self.service(AuthRoutes::new(auth))
    }

    /// Adds what knows its routes: a group ([`SecureScope`]), [`AuthRoutes`], or another
    /// `AuditedScope`.
    #[must_use]
    #[track_caller]
    pub fn service<T: AuditedService>(self, service: T) -> Self {
        service.mount(self)
    }

    /// Adds a service that nobody can see into, such as a folder of files, within a scope with this
    /// prefix. It is listed as unseen, and counts as open. With the prefix `""` there is no scope
    /// around it, and it may have any path.
    ///
    /// Its exception says so too: that of a folder of files at `/docs` is `"unseen /docs/*"`.
    #[must_use]
    #[track_caller]
    pub fn service_unseen(mut self, prefix: &str, factory: impl HttpServiceFactory + 'static) -> Self {
        if prefix.is_empty() {
            self.record.unseen_routes("");
            return Self { scope: self.scope.service(factory), ..self };
        }
        self.record.unseen(prefix);
        Self { scope: self.scope.service(Scope::new(prefix).service(factory)), ..self }
    }

    /// Hands data to the handlers, as [`Scope::app_data`].
    #[must_use]
    pub fn app_data<T: 'static>(self, data: T) -> Self {
        Self { scope: self.scope.app_data(data), ..self }
    }

    /// Answers what no route does, as [`Scope::default_service`]. It is listed as `/*`, and is
    /// open.
    #[must_use]
    #[track_caller]
    pub fn default_service<F>(mut self, service: F) -> Self
    where
        F: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error> + 'static,
        F::InitError: fmt::Debug,
    {
        self.record.fallback();
        Self { scope: self.scope.default_service(service), ..self }
    }

    /// Wraps the scope into a middleware; the one that is added last runs first. The audit does not
    /// know what a middleware does, and goes on listing the routes as before.
    #[must_use]
    pub fn wrap<M, B>(mut self, middleware: M) -> Self
    where
        M: Transform<Inside, ServiceRequest, Response = ServiceResponse<B>, Error = Error, InitError = ()>
            + 'static,
        B: MessageBody + 'static,
    {
        self.middlewares.push(boxed(middleware));
        self
    }

    /// Puts path rules in front of everything that this scope gets. The audit lists the rules, and
    /// each route with what its rule asks for too. Call it last: what is added later is behind the
    /// rules, and the audit lists it without them.
    #[must_use]
    pub fn protect<U: AuthUser>(mut self, rules: Protect<U>) -> Self {
        self.record.protect(rules.protection().rules(), rules.declaration());
        self.wrap(rules)
    }

    /// Puts a limit in front of everything that this scope gets. The audit lists it at each route.
    /// Call it last: what is added later is behind the limit, and the audit lists it without it.
    #[must_use]
    pub fn limit<U: AuthUser>(mut self, limit: LimitLayer<U>) -> Self {
        limit.declaration().into_iter().for_each(|declared| self.record.limit(declared));
        self.wrap(limit)
    }

    /// Writes the audit to the log, **in builds with debug assertions**; see [`Audit::log`].
    ///
    /// `HttpServer` makes an application for each of its workers, and each of them would write.
    /// Where there may be several, say `routes().audit().log()` before `HttpServer::new` instead,
    /// as [above](Self).
    #[must_use]
    pub fn log_audit(self) -> Self {
        self.audit().log();
        self
    }

    fn whole(&self) -> RouteRecord {
        let mut whole = RouteRecord::new(Precedence::FirstRegistered);
        whole.nest(&self.prefix, self.record.clone());
        whole
    }

    fn into_plain(self) -> Plain {
        Plain { scope: self.scope, middlewares: self.middlewares }
    }
}

impl Audited for AuditedScope {
    fn audit(&self) -> Audit {
        self.whole().audit()
    }
}

impl HttpServiceFactory for AuditedScope {
    fn register(self, config: &mut AppService) {
        self.whole().settle();
        self.into_plain().register(config);
    }
}

impl fmt::Debug for AuditedScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedScope").field("record", &self.record).finish_non_exhaustive()
    }
}

/// The scope, and nothing that is known about it.
struct Plain {
    scope: Scope,
    middlewares: Vec<Middleware>,
}

impl HttpServiceFactory for Plain {
    fn register(self, config: &mut AppService) {
        self.scope.wrap(Middlewares(self.middlewares.into())).register(config);
    }
}

/// A service that an [`AuditedScope`] can see into: a [`SecureScope`], [`AuthRoutes`], or another
/// `AuditedScope`.
#[diagnostic::on_unimplemented(
    message = "nobody can see which routes `{Self}` has",
    label = "this service does not know its routes",
    note = "add a resource by `resource(path, routes)` or `guarded(path, guard, routes)`, a scope as an \
            `AuditedScope`",
    note = "for `auth_routes(&auth)` take the method `auth_routes`, or `service(AuthRoutes::new(&auth))`",
    note = "or take `service_unseen`: the audit lists it as unseen then"
)]
pub trait AuditedService: Sized {
    /// Adds it to this scope.
    #[track_caller]
    fn mount(self, scope: AuditedScope) -> AuditedScope;
}

impl<U: AuthUser> AuditedService for SecureScope<U> {
    #[track_caller]
    fn mount(self, mut scope: AuditedScope) -> AuditedScope {
        scope.record.group("", self.declaration());
        AuditedScope { scope: scope.scope.service(self), ..scope }
    }
}

impl<U: AuthUser> AuditedService for AuthRoutes<U> {
    #[track_caller]
    fn mount(self, mut scope: AuditedScope) -> AuditedScope {
        scope.record.endpoints(self.declaration());
        AuditedScope { scope: scope.scope.service(self), ..scope }
    }
}

impl AuditedService for AuditedScope {
    fn mount(mut self, mut scope: Self) -> Self {
        let inner = std::mem::replace(&mut self.record, RouteRecord::new(Precedence::FirstRegistered));
        scope.record.nest(&self.prefix, inner);
        Self { scope: scope.scope.service(self.into_plain()), ..scope }
    }
}
