//! Path rules in front of an application.

use std::{fmt, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Protection, RouteRules,
    audit::Declaration,
    rejection::{Pages, Renderer},
    rules::Explanation,
};
use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::{extract, guard::answer, head::Head};

/// Puts path rules in front of an application: all routes mounted now or later, wrong methods and
/// unknown paths.
///
/// ```
/// # use fauth_testing::TestUser;
/// # use poem::{EndpointExt, Route, get, handler};
/// use fauth_poem::{CurrentUser, fauth_core::{Requirement, RouteRules, rules::exact}, protect};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # #[handler]
/// # fn home() {}
/// #[handler]
/// async fn users(admin: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", admin.name)
/// }
///
/// let rules = RouteRules::private_by_default()
///     .public(exact("/"))
///     .public("/login")
///     .require("/admin", Requirement::user().role("admin"))
///     .build()?;
/// let app = Route::new()
///     .at("/", get(home))
///     .at("/admin/users", get(users))
///     .with(protect(&auth, rules))
///     .data(auth);
/// # Ok::<(), fauth_poem::fauth_core::ConfigError>(())
/// ```
///
/// Rules match the whole path of a request as the client sent it, also inside a nested route. HEAD
/// is treated as GET. An ambiguous path is refused with 400 before any rule, and TRACE and CONNECT
/// are refused. If a route also has a guard, both apply, and the user is loaded once. See
/// [`fauth_core::rules`] for which rule decides.
///
/// # Rewritten paths
/// Routes match [`Request::uri`], rules match [`Request::original_uri`]. If a middleware outside
/// the rules, such as `NormalizePath`, has rewritten the path, the request is refused with 400,
/// unless the new path is `/` or a suffix of the original path, as nested routes leave it. In that
/// case, the rule for the original path decides. Do not use middleware that rewrites paths.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS middleware *outside* the
/// rules.
#[must_use]
#[track_caller]
pub fn protect<U: AuthUser>(auth: &AuthProvider<U>, rules: RouteRules) -> Protect<U> {
    Protect { protection: Protection::new(auth, rules) }
}

/// Path rules as a middleware, for the `with` of a [`Route`](poem::Route); see [`protect`].
///
/// # Security
/// The rules cover the endpoint that they wrap, and nothing beside it. Put them on the outermost
/// route.
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

impl<E: Endpoint, U: AuthUser> Middleware<E> for Protect<U> {
    type Output = Protected<E, U>;

    fn transform(&self, inner: E) -> Self::Output {
        Protected { inner, protection: self.protection.clone() }
    }
}

/// An endpoint behind path rules.
pub struct Protected<E, U> {
    inner: E,
    protection: Protection<U>,
}

impl<E: Clone, U> Clone for Protected<E, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), protection: self.protection.clone() }
    }
}

impl<E, U> fmt::Debug for Protected<E, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protection.fmt(f)
    }
}

impl<E: Endpoint, U: AuthUser> Endpoint for Protected<E, U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let pinned = || extract::pinned(request.extensions());
        let guard = self.protection.guard(&Head::from(&request), pinned);
        answer(&guard, &self.inner, request).await
    }
}
