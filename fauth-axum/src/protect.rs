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

/// Puts path rules in front of an application: whatever is mounted now or later, its fallback,
/// wrong methods and unknown paths.
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
/// The rules see the whole path of a request, as the client wrote it, also inside of a nested
/// router. HEAD is as GET, a path that can be misread is 400 before any rule, and TRACE and CONNECT
/// are refused. A guard of a route and a rule both apply, and the user is loaded once. See
/// [`fauth_core::rules`] for which rule decides.
///
/// # Rewritten paths
/// What rewrites paths, such as tower-http's `NormalizePathLayer`, belongs outside of the rules,
/// and of the outermost router: the rules and the routes see the rewritten path then. Inside of a
/// nested router the rules see the original path, and a request whose path was rewritten there is
/// refused with 400, unless what it became is `/` or an end of the original path.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS layer *outside* of the rules.
#[must_use]
#[track_caller]
pub fn protect<U: AuthUser>(auth: &AuthProvider<U>, rules: RouteRules) -> Protect<U> {
    Protect { protection: Protection::new(auth, rules) }
}

/// Path rules as a layer; see [`protect`].
///
/// # Security
/// As a layer it covers what is inside it when it is added, and nothing that is added to the router
/// later. [`around`](Self::around) leaves no router to which something could be added, and also
/// covers what axum adds outside of the layers of routes, such as the `Allow` of a wrong method.
pub struct Protect<U> {
    protection: Protection<U>,
}

impl<U: AuthUser> Protect<U> {
    /// Gives the refusals of the rules a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { protection: self.protection.renderer(renderer) }
    }

    /// Answers browsers with pages: the same as `renderer` with
    /// [`Pages`]. A text is the path of the sign-in page, which the rules must leave open.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Sends users who come to a page for guests to this path, unless the request's query has a
    /// `next`. Default: `/`.
    ///
    /// A path that does not stay on the origin is reported to the log, and requests for such pages
    /// are refused with 500.
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        Self { protection: self.protection.home(path) }
    }

    /// Puts the rules around a whole router, before it looks for a route.
    #[must_use]
    pub fn around(self, router: Router) -> Protected<Router, U> {
        self.layer(router)
    }

    /// Which rule decides about requests for this path, as a client writes it, and why.
    #[must_use]
    pub fn explain(&self, method: &str, path: &str) -> Explanation {
        self.protection.explain(method, path)
    }

    /// The rules of this provider, as the core knows them.
    #[must_use]
    pub const fn protection(&self) -> &Protection<U> {
        &self.protection
    }

    /// What audits list of the rules.
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
    /// For [`axum::serve()`].
    #[must_use]
    pub fn into_make_service(self) -> IntoMakeService<Self> {
        ServiceExt::<Request>::into_make_service(self)
    }

    /// As [`into_make_service`](Self::into_make_service), with the peer's address for events: `C`
    /// is `SocketAddr`.
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
        // The service that was polled ready is the one to call; the clone waits for its turn.
        let waiting = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, waiting);
        let pinned = || extract::pinned(request.extensions());
        let guard = self.protection.guard(&Head::of(&request), pinned).into_owned();
        answer(&guard, ready, request)
    }
}
