//! The router wrapper that cannot leak.

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

/// A group of routes that only known and active users can enter, and, if more is required, only those who meet it.
///
/// Mount it with [`nest_service`](Router::nest_service): `nest` and `merge` take routers only.
///
/// It owns its router and puts its guard in front of all of it, whenever a route was added: nested and merged routers, mounted services, the fallback, wrong
/// methods, HEAD, OPTIONS and upgrades are inside. To somebody anonymous every path of the group is 401, whether there is a route or not.
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
/// Browsers send preflight requests without credentials. Put the CORS layer *outside* the group (on the router that it is mounted on); a preflight that
/// reaches the guard is refused like any other anonymous request.
pub struct SecureRouter<U, S = AuthProvider<U>> {
    pub(crate) guard: Guard<U>,
    state: S,
    router: Router,
    /// What is known of the routes, without what the guard asks for. Shared, since axum clones the
    /// group for each request.
    #[cfg(feature = "utoipa")]
    pub(crate) document: Arc<utoipa::openapi::OpenApi>,
}

impl<U: AuthUser> SecureRouter<U> {
    /// An empty group. Its handlers have the provider as their state.
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
    /// An empty group whose handlers have a state of the application's own.
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

    /// What audits list of the group. Whatever knows routes of it can tell them here.
    #[must_use]
    pub fn declaration(&self) -> &Arc<Declaration> {
        self.guard.declaration()
    }

    /// Demands this role, for the whole group.
    #[must_use]
    pub fn require_role(self, role: impl AsRef<str>) -> Self {
        self.require(Requirement::user().role(role))
    }

    /// Demands **all** of these roles, for the whole group. A list that is empty by
    /// its type does not compile.
    #[must_use]
    pub fn require_roles<N: Names>(self, roles: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one role") }
        self.require(Requirement::user().roles(roles))
    }

    /// Demands **at least one** of these roles, for the whole group. A list that is empty by
    /// its type does not compile.
    #[must_use]
    pub fn require_any_role<N: Names>(self, roles: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one role") }
        self.require(Requirement::user().any_role(roles))
    }

    /// Demands this permission, for the whole group.
    #[must_use]
    pub fn require_permission(self, permission: impl AsRef<str>) -> Self {
        self.require(Requirement::user().permission(permission))
    }

    /// Demands **all** of these permissions, for the whole group. A list that is empty by
    /// its type does not compile.
    #[must_use]
    pub fn require_permissions<N: Names>(self, permissions: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one permission") }
        self.require(Requirement::user().permissions(permissions))
    }

    /// Demands this scope of the token, for the whole group.
    #[must_use]
    pub fn require_scope(self, scope: impl AsRef<str>) -> Self {
        self.require(Requirement::user().scope(scope))
    }

    /// Demands **all** of these scopes of the token, for the whole group. A list that is empty by
    /// its type does not compile.
    #[must_use]
    pub fn require_scopes<N: Names>(self, scopes: N) -> Self {
        const { assert!(!N::ARE_NONE, "name at least one scope") }
        self.require(Requirement::user().scopes(scopes))
    }

    /// Demands this too, for the whole group.
    #[must_use]
    pub fn require(self, requirement: Requirement) -> Self {
        Self { guard: self.guard.and(requirement), ..self }
    }

    /// Limits how many requests pass, for the whole group: `"100/minute"`, or a
    /// [`Limit`](fauth_core::limit::Limit), such as `Limit::per_user("100/minute")`. One by address
    /// counts before anything is read of a request, one by user after the user was let in. Several
    /// are all asked.
    ///
    /// What is no limit is reported to the log, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: impl IntoLimit) -> Self {
        Self { guard: self.guard.limit(limit), ..self }
    }

    /// Gives the refusals of this group a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer), ..self }
    }

    /// Answers browsers with pages: the same as `renderer` with
    /// [`Pages`]. A text is the path of the sign-in page.
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

    /// Answers what no route does.
    #[must_use]
    pub fn fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let handler = handler.with_state(self.state.clone());
        Self { router: self.router.fallback_service(handler), ..self }
    }

    /// Wraps the routes added so far into a layer. It runs inside the guard, for requests that were let in.
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

    /// For [`axum::serve()`], if the group is the whole application. There is no way back to a router, to which routes outside the group could be added.
    pub fn into_make_service(self) -> IntoMakeService<Self> {
        ServiceExt::<Request>::into_make_service(self)
    }

    /// As [`into_make_service`](Self::into_make_service), with the peer's address for events: `C` is `SocketAddr`.
    pub fn into_make_service_with_connect_info<C>(self) -> IntoMakeServiceWithConnectInfo<Self, C> {
        ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }
}

/// What audits list of a service that is a group itself.
fn group_in<U: AuthUser, S: 'static>(service: &dyn Any) -> Option<&Arc<Declaration>> {
    let with_state = service.downcast_ref::<SecureRouter<U, S>>().map(|group| &group.guard);
    let guard = with_state.or_else(|| service.downcast_ref::<SecureRouter<U>>().map(|group| &group.guard));
    guard.map(Guard::declaration)
}

/// The methods that a route answers. Their names in the `Debug` form are the one view that axum
/// offers; were that another one, they would be listed as any.
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

/// A group is no [`Router`], and becomes none: routes outside its guard could be added. This is
/// never implemented; whoever calls `Router::merge(group)` reads its name.
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
