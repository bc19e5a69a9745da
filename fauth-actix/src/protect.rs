//! Path rules in front of an application.

use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage as _,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use fauth_core::{
    AuthProvider, AuthUser, Protection, RouteRules,
    audit::Declaration,
    rejection::{Pages, Renderer},
    rules::Explanation,
};

use crate::{
    extract,
    guard::{Answering, answer},
    head::Head,
};

/// Puts path rules in front of an application: all routes mounted now or later, the default
/// service, wrong methods and unknown paths.
///
/// ```
/// # use actix_web::{App, web::{Data, get, resource}};
/// # use fauth_testing::TestUser;
/// use fauth_actix::{CurrentUser, fauth_core::{Requirement, RouteRules, rules::exact}, protect};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # async fn home() -> &'static str { "" }
/// async fn users(admin: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", admin.name)
/// }
///
/// let rules = RouteRules::private_by_default()
///     .public(exact("/"))
///     .public("/login")
///     .require("/admin", Requirement::user().role("admin"))
///     .build()?;
/// let app = App::new()
///     .app_data(Data::new(auth.clone()))
///     .service(resource("/").route(get().to(home)))
///     .service(resource("/admin/users").route(get().to(users)))
///     .wrap(protect(&auth, rules));
/// # Ok::<(), fauth_actix::fauth_core::ConfigError>(())
/// ```
///
/// Rules match the whole path of a request as the client sent it, also around a scope. HEAD is
/// treated as GET. An ambiguous path is refused with 400 before any rule, and TRACE and CONNECT are
/// refused. If a route also has a guard, both apply, and the user is loaded once. See
/// [`fauth_core::rules`] for which rule decides.
///
/// # Rewritten paths
/// Put a middleware that rewrites paths, such as `NormalizePath`, outside the rules: `wrap` it
/// after them. Then the rules and the routes see the rewritten path.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS middleware *outside* the
/// rules.
#[must_use]
#[track_caller]
pub fn protect<U: AuthUser>(auth: &AuthProvider<U>, rules: RouteRules) -> Protect<U> {
    Protect { protection: Protection::new(auth, rules) }
}

/// Path rules as a middleware, for the `wrap` of [`App`](actix_web::App::wrap) and of a
/// [`Scope`](actix_web::Scope::wrap); see [`protect`].
///
/// # Security
/// Around a scope, the rules cover the requests that the scope receives, and nothing beside it.
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

impl<S, B, U> Transform<S, ServiceRequest> for Protect<U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = Protected<S, U>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Protected { inner: Rc::new(inner), protection: self.protection.clone() }))
    }
}

/// A service behind path rules.
pub struct Protected<S, U> {
    inner: Rc<S>,
    protection: Protection<U>,
}

impl<S, U> Clone for Protected<S, U> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), protection: self.protection.clone() }
    }
}

impl<S, U> fmt::Debug for Protected<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protection.fmt(f)
    }
}

impl<S, B, U> Service<ServiceRequest> for Protected<S, U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Answering<B>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let pinned = || extract::pinned(&request.extensions());
        let guard = self.protection.guard(&Head::of(&request), pinned).into_owned();
        answer(&guard, Rc::clone(&self.inner), request)
    }
}
