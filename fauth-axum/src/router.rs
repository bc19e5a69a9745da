//! Groups of routes behind one guard.

use std::{
    any::Any,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router, ServiceExt,
    extract::{Request, connect_info::IntoMakeServiceWithConnectInfo},
    handler::Handler,
    response::{IntoResponse, Response},
    routing::{IntoMakeService, MethodRouter},
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Requirement,
    audit::{Declaration, Methods},
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::answer;

/// A group of routes that admits known and active users only, and further requirements if they are
/// set.
///
/// Mount it with [`nest_service`](Router::nest_service): `nest` and `merge` take routers only.
///
/// The group owns its router and puts its guard in front of all of it, whenever a route is added:
/// nested and merged routers, mounted services, the fallback, wrong methods, HEAD, OPTIONS and
/// upgrades. To anonymous requests every path of the group answers 401, whether a route exists or
/// not.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use fauth_axum::{CurrentUser, SecureRouter};
/// # use fauth_testing::TestUser;
/// # let auth = fauth_testing::provider().build().unwrap();
/// async fn dashboard(user: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", user.name)
/// }
///
/// let internal = SecureRouter::new(&auth).require_roles(["admin"]).route("/dashboard", get(dashboard));
/// let app: Router = Router::new().nest_service("/internal", internal);
/// ```
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS layer *outside* the group, on
/// the router on which it is mounted. A preflight that reaches the guard is refused like any other
/// anonymous request.
pub struct SecureRouter<U, S = AuthProvider<U>> {
    pub(crate) guard: Guard<U>,
    state: S,
    router: Router,
    /// The document of the routes, without what the guard requires. Shared, because axum clones the
    /// group for each request.
    #[cfg(feature = "utoipa")]
    pub(crate) document: Arc<utoipa::openapi::OpenApi>,
}

impl<U: AuthUser> SecureRouter<U> {
    /// Creates an empty group. The state of its handlers is the provider.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>) -> Self {
        Self::with_state(auth, auth.clone())
    }
}

impl<U, S> SecureRouter<U, S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    /// Creates an empty group whose handlers have a state of your own.
    #[must_use]
    #[track_caller]
    pub fn with_state(auth: &AuthProvider<U>, state: S) -> Self {
        Self {
            guard: Guard::group(auth, ""),
            state,
            router: Router::new(),
            #[cfg(feature = "utoipa")]
            document: Arc::default(),
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
    pub fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        self.declaration().add_route(&methods_of(&methods), path);
        let methods = methods.with_state(self.state.clone());
        Self { router: self.router.route(path, methods), ..self }
    }

    /// Mounts a router under a path.
    #[must_use]
    #[track_caller]
    pub fn nest(self, path: &str, router: Router<S>) -> Self {
        self.declaration().add_mount(path);
        let router = router.with_state(self.state.clone());
        Self { router: self.router.nest(path, router), ..self }
    }

    /// Mounts a service under a path, such as a folder of files.
    #[must_use]
    #[track_caller]
    pub fn nest_service<T>(self, path: &str, service: T) -> Self
    where
        T: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        match group_in::<U, S>(&service) {
            Some(group) => self.declaration().add_group(path, group),
            None => self.declaration().add_mount(path),
        }
        Self { router: self.router.nest_service(path, service), ..self }
    }

    /// Adds the routes of another router.
    #[must_use]
    pub fn merge(self, router: Router<S>) -> Self {
        let router = router.with_state(self.state.clone());
        Self { router: self.router.merge(router), ..self }
    }

    /// Sets the handler for requests that match no route.
    #[must_use]
    pub fn fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let handler = handler.with_state(self.state.clone());
        Self { router: self.router.fallback_service(handler), ..self }
    }

    /// Wraps the routes added so far in a layer. The layer runs inside the guard, for admitted
    /// requests only.
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<axum::routing::Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self { router: self.router.layer(layer), ..self }
    }

    /// Converts the group for [`axum::serve()`], if it is the whole application. It cannot become a
    /// router again, to which routes outside the group could be added.
    pub fn into_make_service(self) -> IntoMakeService<Self> {
        ServiceExt::<Request>::into_make_service(self)
    }

    /// Like [`into_make_service`](Self::into_make_service), with the peer address: `C` is
    /// `SocketAddr`.
    pub fn into_make_service_with_connect_info<C>(self) -> IntoMakeServiceWithConnectInfo<Self, C> {
        ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }
}

/// Returns what audits list of a service, if it is a group.
fn group_in<U: AuthUser, S: 'static>(service: &dyn Any) -> Option<&Arc<Declaration>> {
    let with_state = service.downcast_ref::<SecureRouter<U, S>>().map(|group| &group.guard);
    let guard = with_state.or_else(|| service.downcast_ref::<SecureRouter<U>>().map(|group| &group.guard));
    guard.map(Guard::declaration)
}

/// Returns the methods that a route answers. axum shows them in the `Debug` output only. If that
/// output changes, the methods are listed as any.
pub(crate) fn methods_of<S>(methods: &MethodRouter<S>) -> Methods {
    const NAMES: [&str; 9] = ["connect", "delete", "get", "head", "options", "patch", "post", "put", "trace"];

    let shown = format!("{methods:?}").replace('{', ",");
    if !shown.contains(", fallback: Default(")
        || NAMES.iter().any(|name| !shown.contains(&format!(" {name}: ")))
    {
        return Methods::any();
    }
    let is_there = |name: &&&str| !shown.contains(&format!(" {name}: None,"));
    Methods::of(NAMES.iter().filter(is_there).map(|name| name.to_ascii_uppercase()))
}

impl<U: AuthUser, S> Service<Request> for SecureRouter<U, S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        answer(&self.guard, self.router.clone(), request)
    }
}

/// A group does not become a [`Router`], to which routes outside its guard could be added. This
/// trait is never implemented; its name appears in the compiler's error for `Router::merge(group)`.
pub trait UseNestServiceInstead {}

impl<U, S, T> From<SecureRouter<U, S>> for Router<T>
where
    SecureRouter<U, S>: UseNestServiceInstead,
    T: Clone + Send + Sync + 'static,
{
    fn from(_: SecureRouter<U, S>) -> Self {
        Self::new()
    }
}

impl<U, S: Clone> Clone for SecureRouter<U, S> {
    fn clone(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            state: self.state.clone(),
            router: self.router.clone(),
            #[cfg(feature = "utoipa")]
            document: Arc::clone(&self.document),
        }
    }
}

impl<U, S> fmt::Debug for SecureRouter<U, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}
