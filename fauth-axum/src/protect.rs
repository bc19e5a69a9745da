//! Path rules in front of an application.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router, ServiceExt,
    extract::{Request, connect_info::IntoMakeServiceWithConnectInfo},
    response::{IntoResponse, Response},
    routing::IntoMakeService,
};
use fauth_core::{
    AuthProvider, AuthUser, Protection, RouteRules,
    audit::Declaration,
    rejection::{Pages, Renderer},
    rules::Explanation,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{extract, guard::answer, head::Head};

/// Puts path rules in front of an application: all routes mounted now or later, the fallback, wrong
/// methods and unknown paths.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use fauth_testing::TestUser;
/// use fauth_axum::{CurrentUser, fauth_core::{Requirement, RouteRules, rules::exact}, protect};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # async fn home() {}
/// async fn users(admin: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", admin.name)
/// }
///
/// let rules = RouteRules::private_by_default()
///     .public(exact("/"))
///     .public("/login")
///     .require("/admin", Requirement::user().role("admin"))
///     .build()?;
/// let router = Router::new()
///     .route("/", get(home))
///     .route("/admin/users", get(users))
///     .with_state(auth.clone());
/// let app = protect(&auth, rules).around(router); // for `axum::serve`, or `nest_service`
/// # let _ = app.into_make_service();
/// # Ok::<(), fauth_axum::fauth_core::ConfigError>(())
/// ```
///
/// Rules match the whole path of a request as the client sent it, also inside a nested router. HEAD
/// is treated as GET. An ambiguous path is refused with 400 before any rule, and TRACE and CONNECT
/// are refused. If a route also has a guard, both apply, and the user is loaded once. See
/// [`fauth_core::rules`] for which rule decides.
///
/// # Rewritten paths
/// Put a middleware that rewrites paths, such as tower-http's `NormalizePathLayer`, outside the
/// rules and outside the outermost router: then the rules and the routes see the rewritten path.
/// Inside a nested router, the rules see the original path. A request whose path was rewritten
/// there is refused with 400, unless the new path is `/` or a suffix of the original path.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS layer *outside* the rules.
#[must_use]
#[track_caller]
pub fn protect<U: AuthUser>(auth: &AuthProvider<U>, rules: RouteRules) -> Protect<U> {
    Protect { protection: Protection::new(auth, rules) }
}

/// Path rules as a layer; see [`protect`].
///
/// # Security
/// The layer covers what was inside it when it was added, and no routes that are added to the
/// router later. [`around`](Self::around) returns no router to which routes could be added. It also
/// covers what axum adds outside the layers of routes, such as the `Allow` header for a wrong
/// method.
pub struct Protect<U> {
    protection: Protection<U>,
}

impl<U: AuthUser> Protect<U> {
    /// Sets the form of the refusals of the rules.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { protection: self.protection.renderer(renderer) }
    }

    /// Redirects browsers to the sign-in page instead of refusing them: short for `renderer` with
    /// [`Pages`]. A string is the path of the sign-in page, which the rules must leave open.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Redirects users from a page for guests to this path, unless the query of the request has a
    /// `next`. Default: `/`.
    ///
    /// A path that does not stay on the origin is logged, and requests for such pages are refused
    /// with 500.
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        Self { protection: self.protection.home(path) }
    }

    /// Puts the rules around a whole router. They decide before the router matches a route.
    #[must_use]
    pub fn around(self, router: Router) -> Protected<Router, U> {
        self.layer(router)
    }

    /// Explains which rule decides about requests for this path, written as a client sends it.
    #[must_use]
    pub fn explain(&self, method: &str, path: &str) -> Explanation {
        self.protection.explain(method, path)
    }

    /// Returns the rules with their provider, for the core.
    #[must_use]
    pub const fn protection(&self) -> &Protection<U> {
        &self.protection
    }

    /// Returns what audits list of the rules.
    pub(crate) fn declaration(&self) -> &Arc<Declaration> {
        self.protection.declaration()
    }
}

impl<U> Clone for Protect<U> {
    fn clone(&self) -> Self {
        Self { protection: self.protection.clone() }
    }
}

impl<U> fmt::Debug for Protect<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protection.fmt(f)
    }
}

impl<S, U> Layer<S> for Protect<U> {
    type Service = Protected<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        Protected { inner, protection: self.protection.clone() }
    }
}

/// A service behind path rules.
pub struct Protected<S, U> {
    inner: S,
    protection: Protection<U>,
}

impl<U: AuthUser> Protected<Router, U> {
    /// Converts it for [`axum::serve()`].
    #[must_use]
    pub fn into_make_service(self) -> IntoMakeService<Self> {
        ServiceExt::<Request>::into_make_service(self)
    }

    /// Like [`into_make_service`](Self::into_make_service), with the peer address: `C` is
    /// `SocketAddr`.
    #[must_use]
    pub fn into_make_service_with_connect_info<C>(self) -> IntoMakeServiceWithConnectInfo<Self, C> {
        ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }
}

impl<S: Clone, U> Clone for Protected<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), protection: self.protection.clone() }
    }
}

impl<S, U> fmt::Debug for Protected<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protection.fmt(f)
    }
}

impl<S, U> Service<Request> for Protected<S, U>
where
    S: Service<Request, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    U: AuthUser,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Call the service that was polled ready, and leave the clone in its place.
        let waiting = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, waiting);
        let pinned = || extract::pinned(request.extensions());
        let guard = self.protection.guard(&Head::of(&request), pinned).into_owned();
        answer(&guard, ready, request)
    }
}
