//! Groups of routes behind one guard.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use actix_web::{
    Error, Resource, Route, Scope,
    body::MessageBody,
    dev::{
        AppService, HttpServiceFactory, Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform,
    },
    http::Method,
    test::TestRequest,
    web::{Data, ServiceConfig},
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Requirement,
    audit::{Declaration, Methods},
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};

use crate::guard::RequireLayer;

/// A group of routes that admits known and active users only, and further requirements if they are
/// set.
///
/// The group owns its scope and puts its guard in front of all of it, whenever a route is added:
/// nested scopes, resources, mounted services, the default service, wrong methods, HEAD, OPTIONS
/// and upgrades. To anonymous requests every path of the group answers 401, whether a route exists
/// or not.
///
/// ```
/// # use actix_web::{App, web::get};
/// # use fauth_actix::{CurrentUser, SecureScope};
/// # use fauth_testing::TestUser;
/// # let auth = fauth_testing::provider().build().unwrap();
/// async fn dashboard(user: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", user.name)
/// }
///
/// let internal = SecureScope::new("/internal", &auth)
///     .require_roles(["admin"])
///     .route("/dashboard", get().to(dashboard));
/// let app = App::new().service(internal);
/// ```
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS middleware *outside* the
/// group, around the application or scope in which it is mounted. A preflight that reaches the
/// guard is refused like any other anonymous request.
///
/// # Security
/// In actix-web, a prefix belongs to the service registered first: of two scopes with the same
/// prefix, the second is never reached.
pub struct SecureScope<U> {
    pub(crate) guard: Guard<U>,
    scope: Scope,
    middlewares: Vec<Middleware>,
    /// The document of the routes, without what the guard requires.
    #[cfg(feature = "utoipa")]
    pub(crate) document: crate::openapi::ScopeDocument,
}

impl<U: AuthUser> SecureScope<U> {
    /// Creates an empty group under this prefix. Its handlers find the provider in their
    /// `app_data`.
    ///
    /// # Security
    /// A trailing slash of the prefix counts: `/admin/` answers `/admin/` and `/admin//users`, and
    /// not `/admin/users`, which is then unguarded. Write `/admin`; for everything, write `""`.
    #[must_use]
    #[track_caller]
    pub fn new(prefix: &str, auth: &AuthProvider<U>) -> Self {
        // Takes precedence over the provider of an outer scope.
        let scope = Scope::new(prefix).app_data(Data::new(auth.clone()));
        Self {
            guard: Guard::group(auth, prefix),
            scope,
            middlewares: Vec::new(),
            #[cfg(feature = "utoipa")]
            document: crate::openapi::ScopeDocument::new(prefix),
        }
    }

    /// Returns what audits list of the group. Pass routes of the group to it to have them listed.
    #[must_use]
    pub fn declaration(&self) -> &Arc<Declaration> {
        self.guard.declaration()
    }

    /// Requires this role, for the whole group.
    #[must_use]
    pub fn require_role(self, role: impl AsRef<str>) -> Self {
        self.require(Requirement::user().role(role))
    }

    /// Requires **all** of these roles, for the whole group. A list that is empty by its type does
    /// not compile.
    #[must_use]
    pub fn require_roles<N: Names>(self, roles: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one role") }
        self.require(Requirement::user().roles(roles))
    }

    /// Requires **at least one** of these roles, for the whole group. A list that is empty by its
    /// type does not compile.
    #[must_use]
    pub fn require_any_role<N: Names>(self, roles: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one role") }
        self.require(Requirement::user().any_role(roles))
    }

    /// Requires this permission, for the whole group.
    #[must_use]
    pub fn require_permission(self, permission: impl AsRef<str>) -> Self {
        self.require(Requirement::user().permission(permission))
    }

    /// Requires **all** of these permissions, for the whole group. A list that is empty by its type
    /// does not compile.
    #[must_use]
    pub fn require_permissions<N: Names>(self, permissions: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one permission") }
        self.require(Requirement::user().permissions(permissions))
    }

    /// Requires this scope of the token, for the whole group.
    #[must_use]
    pub fn require_scope(self, scope: impl AsRef<str>) -> Self {
        self.require(Requirement::user().scope(scope))
    }

    /// Requires **all** of these scopes of the token, for the whole group. A list that is empty by
    /// its type does not compile.
    #[must_use]
    pub fn require_scopes<N: Names>(self, scopes: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one scope") }
        self.require(Requirement::user().scopes(scopes))
    }

    /// Adds this requirement, for the whole group.
    #[must_use]
    pub fn require(self, requirement: Requirement) -> Self {
        Self { guard: self.guard.and(requirement), ..self }
    }

    /// Limits the rate of requests, for the whole group: `"100/minute"`, or a
    /// [`Limit`](fauth_core::limit::Limit), such as `Limit::per_user("100/minute")`. A limit by
    /// address counts a request before it is read, a limit by user after the user was admitted.
    /// Several limits all apply.
    ///
    /// An invalid limit is logged, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: impl IntoLimit) -> Self {
        Self { guard: self.guard.limit(limit), ..self }
    }

    /// Sets the form of the refusals of this group.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer), ..self }
    }

    /// Redirects browsers to the sign-in page instead of refusing them: short for `renderer` with
    /// [`Pages`]. A string is the path of the sign-in page.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Adds a route.
    #[must_use]
    #[track_caller]
    pub fn route(self, path: &str, route: Route) -> Self {
        self.declaration().add_route(&methods_of([&route]), path);
        Self { scope: self.scope.route(path, route), ..self }
    }

    /// Adds a resource. `routes` is one route or an array of routes. Unlike with
    /// [`service`](Self::service), audits list them.
    #[must_use]
    #[track_caller]
    pub fn resource(self, path: &str, routes: impl Routes) -> Self {
        let routes = routes.into_routes();
        self.declaration().add_route(&methods_of(&routes), path);
        Self { scope: self.scope.service(resource_of(path, routes)), ..self }
    }

    /// Adds a resource, a nested scope, or another service, such as a folder of files. Audits list
    /// the routes of a group with the same user type, and of nothing else.
    #[must_use]
    pub fn service(self, factory: impl HttpServiceFactory + 'static) -> Self {
        if let Some(group) = (&factory as &dyn Any).downcast_ref::<Self>() {
            self.declaration().add_group("", group.declaration());
        }
        Self { scope: self.scope.service(factory), ..self }
    }

    /// Adds what a configuration function adds.
    #[must_use]
    pub fn configure(self, configure: impl FnOnce(&mut ServiceConfig)) -> Self {
        Self { scope: self.scope.configure(configure), ..self }
    }

    /// Provides data to the handlers of the group. A `Data<AuthProvider>` replaces the group's own
    /// provider in extractors, but not in the guard.
    #[must_use]
    pub fn app_data<T: 'static>(self, data: T) -> Self {
        Self { scope: self.scope.app_data(data), ..self }
    }

    /// Sets the handler for requests that match no route.
    #[must_use]
    pub fn default_service<F>(self, service: F) -> Self
    where
        F: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error> + 'static,
        F::InitError: fmt::Debug,
    {
        Self { scope: self.scope.default_service(service), ..self }
    }

    /// Wraps the group in a middleware; the one added last runs first. It runs inside the guard,
    /// for admitted requests only.
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
}

impl<U: AuthUser> HttpServiceFactory for SecureScope<U> {
    fn register(self, config: &mut AppService) {
        let guard = RequireLayer::new(self.guard);
        self.scope.wrap(Middlewares(self.middlewares.into())).wrap(guard).register(config);
    }
}

impl<U> fmt::Debug for SecureScope<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureScope").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The routes of one resource: one route or an array of routes.
pub trait Routes {
    /// Returns the routes in order.
    fn into_routes(self) -> Vec<Route>;
}

impl Routes for Route {
    fn into_routes(self) -> Vec<Self> {
        vec![self]
    }
}

impl<const N: usize> Routes for [Route; N] {
    fn into_routes(self) -> Vec<Route> {
        self.into()
    }
}

impl Routes for Vec<Route> {
    fn into_routes(self) -> Self {
        self
    }
}

pub(crate) fn resource_of(path: &str, routes: Vec<Route>) -> Resource {
    routes.into_iter().fold(Resource::new(path), Resource::route)
}

/// Returns the methods that routes answer. actix-web does not expose them: the guards of each route
/// are called with an empty request of each method. Methods that cannot be found this way are
/// listed as any.
pub(crate) fn methods_of<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Methods {
    let mut found = Vec::new();
    for route in routes {
        let mut making = route.new_service(());
        let made = making.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(service)) = made else { return Methods::any() };
        let answers = |method: &Method| {
            service.check(&mut TestRequest::default().method(method.clone()).to_srv_request())
        };
        let own: Vec<_> = METHODS.into_iter().filter(answers).collect();
        if own.is_empty() || own.len() == METHODS.len() {
            return Methods::any();
        }
        found.extend(own);
    }
    Methods::of(found)
}

const METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// The scope inside the guard, wrapped in the middleware added so far.
pub(crate) type Inside =
    Rc<dyn Service<ServiceRequest, Response = ServiceResponse, Error = Error, Future = Answering>>;
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;
pub(crate) type Wrapping = Pin<Box<dyn Future<Output = Result<Inside, ()>>>>;
pub(crate) type Middleware = Box<dyn Fn(Inside) -> Wrapping>;

pub(crate) fn boxed<M, B>(middleware: M) -> Middleware
where
    M: Transform<Inside, ServiceRequest, Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    Box::new(move |inside| {
        let wrapping = middleware.new_transform(inside);
        Box::pin(async move { Ok(Rc::new(Boxed(wrapping.await?)) as Inside) })
    })
}

/// The middleware of a group as one, so that the type of the group does not grow.
pub(crate) struct Middlewares(pub(crate) Rc<[Middleware]>);

impl<S> Transform<S, ServiceRequest> for Middlewares
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type InitError = ();
    type Transform = Inside;
    type Future = Wrapping;

    fn new_transform(&self, scope: S) -> Wrapping {
        let middlewares = Rc::clone(&self.0);
        Box::pin(async move {
            let mut inside: Inside = Rc::new(Boxed(scope));
            for wrap in &*middlewares {
                inside = wrap(inside).await?;
            }
            Ok(inside)
        })
    }
}

/// A service whose future and body are boxed.
struct Boxed<S>(S);

impl<S, B> Service<ServiceRequest> for Boxed<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error, Future: 'static>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Answering;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Answering {
        let answering = self.0.call(request);
        Box::pin(async move { Ok(answering.await?.map_into_boxed_body()) })
    }
}
