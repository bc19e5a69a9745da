//! A scope that records its routes for audits.

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

/// A scope that records what it mounts. An audit then lists every route of the application and the
/// requirement of each, and [`assert_all_guarded!`](crate::assert_all_guarded) finds a missing
/// guard. It is a service for [`App::service`](actix_web::App::service); with the prefix `""`, it
/// is the whole application.
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
/// # What the audit sees
/// Add a route with its own guard by [`guarded`](Self::guarded), and a group by
/// [`service`](Self::service). A route added by [`route`](Self::route) or
/// [`resource`](Self::resource) is listed as open, whatever middleware it has. Services whose
/// routes cannot be read are mounted by [`service_unseen`](Self::service_unseen). They are listed
/// as unseen and count as open. Services of the application beside this scope are in no audit.
///
/// actix-web does not expose the methods of a route. To find them, each route is built once more
/// than the server builds it, and its guards are called with an empty request of each method. GET
/// does not answer HEAD.
///
/// # Which route receives a request
/// In actix-web, the service registered first wins if its path matches, and a scope takes
/// everything under its prefix. Therefore **a route `/admin/health` registered before a group
/// `/admin` bypasses the guard**, and so does `/{any}/health`; registered after the group, it is
/// never reached. The audit reports both. A [`route`](Self::route) leaves other methods to the
/// services after it. A [`resource`](Self::resource) answers them with 405, and so does
/// [`guarded`](Self::guarded) to requests that its guard admits.
pub struct AuditedScope {
    prefix: String,
    scope: Scope,
    middlewares: Vec<Middleware>,
    record: RouteRecord,
}

impl AuditedScope {
    /// Creates an empty scope under this prefix. A trailing slash counts: `/api/` answers
    /// `/api//x`, and not `/api/x`. Write `/api`; for everything, write `""`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let (prefix, scope) = (prefix.to_owned(), Scope::new(prefix));
        let record = RouteRecord::new(Precedence::FirstRegistered);
        Self { prefix, scope, middlewares: Vec::new(), record }
    }

    /// Adds a route without a guard, like [`Scope::route`].
    #[must_use]
    #[track_caller]
    pub fn route(mut self, path: &str, route: Route) -> Self {
        self.record.open(&methods_of([&route]), path);
        Self { scope: self.scope.route(path, route), ..self }
    }

    /// Adds a resource without a guard. `routes` is one route or an array of routes.
    #[must_use]
    #[track_caller]
    pub fn resource(mut self, path: &str, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.open_resource(&methods_of(&routes), path);
        Self { scope: self.scope.service(resource_of(path, routes)), ..self }
    }

    /// Adds a resource behind a guard, such as [`require_user`](crate::require_user) or
    /// [`visitor`](crate::visitor). `routes` is one route or an array of routes. The guard covers
    /// all of them, and requests with any other method.
    #[must_use]
    #[track_caller]
    pub fn guarded<U: AuthUser>(mut self, path: &str, guard: RequireLayer<U>, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.guarded(&methods_of(&routes), path, guard.declaration());
        Self { scope: self.scope.service(resource_of(path, routes).wrap(guard)), ..self }
    }

    /// Adds a resource without a guard, behind a limit such as [`limit`](crate::limit). `routes` is
    /// one route or an array of routes. The audit lists it as open, with the limit. Guards have a
    /// method `limit` of their own.
    #[must_use]
    #[track_caller]
    pub fn limited<U: AuthUser>(mut self, path: &str, limit: LimitLayer<U>, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.record.open_resource(&methods_of(&routes), path);
        limit.declaration().into_iter().for_each(|declared| self.record.limited(declared));
        Self { scope: self.scope.service(resource_of(path, routes).wrap(limit)), ..self }
    }

    /// Adds the ready-made endpoints, like [`auth_routes`](crate::auth_routes). To change their
    /// paths or to add pages beside them, pass [`AuthRoutes`] to [`service`](Self::service).
    #[must_use]
    #[track_caller]
    pub fn auth_routes<U: AuthUser>(self, auth: &AuthProvider<U>) -> Self {
        self.service(AuthRoutes::new(auth))
    }

    /// Adds a service that records its routes: a group ([`SecureScope`]), [`AuthRoutes`], or
    /// another `AuditedScope`.
    #[must_use]
    #[track_caller]
    pub fn service<T: AuditedService>(self, service: T) -> Self {
        service.mount(self)
    }

    /// Adds a service that does not record its routes, such as a folder of files, within a scope
    /// with this prefix. It is listed as unseen and counts as open. With the prefix `""` there is
    /// no scope around it, and it may have any path.
    ///
    /// Except it by the same name: a folder of files at `/docs` is `"unseen /docs/*"`.
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

    /// Provides data to the handlers, like [`Scope::app_data`].
    #[must_use]
    pub fn app_data<T: 'static>(self, data: T) -> Self {
        Self { scope: self.scope.app_data(data), ..self }
    }

    /// Sets the service for requests that match no route, like [`Scope::default_service`]. The
    /// audit lists it as `/*`, and as open.
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

    /// Wraps the scope in a middleware; the one added last runs first. The audit does not know what
    /// the middleware does, and lists the routes as before.
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

    /// Puts path rules in front of this scope. The audit lists the rules, and what the matching
    /// rule requires of each route. Call it last: the rules also cover routes added later, but the
    /// audit lists those without them.
    #[must_use]
    pub fn protect<U: AuthUser>(mut self, rules: Protect<U>) -> Self {
        self.record.protect(rules.protection().rules(), rules.declaration());
        self.wrap(rules)
    }

    /// Puts a limit in front of this scope. The audit lists it with each route. Call it last: the
    /// limit also covers routes added later, but the audit lists those without it.
    #[must_use]
    pub fn limit<U: AuthUser>(mut self, limit: LimitLayer<U>) -> Self {
        limit.declaration().into_iter().for_each(|declared| self.record.limit(declared));
        self.wrap(limit)
    }

    /// Logs the audit, **in builds with debug assertions only**; see [`Audit::log`].
    ///
    /// `HttpServer` builds an application for each worker, and each would log. With several
    /// workers, call `routes().audit().log()` before `HttpServer::new` instead, as in the
    /// [example](Self).
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

/// The scope without its record.
struct Plain {
    scope: Scope,
    middlewares: Vec<Middleware>,
}

impl HttpServiceFactory for Plain {
    fn register(self, config: &mut AppService) {
        self.scope.wrap(Middlewares(self.middlewares.into())).register(config);
    }
}

/// A service whose routes an [`AuditedScope`] can record: a [`SecureScope`], [`AuthRoutes`], or
/// another `AuditedScope`.
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be audited",
    label = "this service does not record its routes",
    note = "add a resource by `resource(path, routes)` or `guarded(path, guard, routes)`, a scope as an \
            `AuditedScope`",
    note = "for `auth_routes(&auth)`, use the method `auth_routes` or `service(AuthRoutes::new(&auth))`",
    note = "or use `service_unseen`: the audit then lists it as unseen"
)]
pub trait AuditedService: Sized {
    /// Mounts it in this scope.
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
