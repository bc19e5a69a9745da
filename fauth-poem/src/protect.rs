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

/// Puts path rules in front of an application: whatever is mounted now or later, wrong methods and
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
/// The rules see the whole path of a request, as the client wrote it, also inside of a nested
/// route. HEAD is as GET, a path that can be misread is 400 before any rule, and TRACE and CONNECT
/// are refused. A guard of a route and a rule both apply, and the user is loaded once. See
/// [`fauth_core::rules`] for which rule decides.
///
/// # Rewritten paths
/// Routes look at [`Request::uri`], the rules at [`Request::original_uri`]. If a middleware outside
/// of the rules, such as `NormalizePath`, has made another path of a request, it is refused with
/// 400, unless the new path is `/` or the end of the old one, as nested routes leave it: then the
/// rule for the old path has decided. Leave out what rewrites paths.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS middleware *outside* of the
/// rules.
#[must_use]
#[track_caller]
pub fn protect<U: AuthUser>(auth: &AuthProvider<U>, rules: RouteRules) -> Protect<U> {
    Protect { protection: Protection::new(auth, rules) }
}

/// Path rules as a middleware, for the `with` of a [`Route`](poem::Route); see [`protect`].
///
/// # Security
/// It covers the endpoint that it is put on, and nothing beside it: put it on the outermost route.
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
