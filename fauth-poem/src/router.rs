//! Groups of routes behind one guard.

use std::{any::Any, fmt, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Requirement,
    audit::{Declaration, Methods, braced},
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};
use poem::{EndpointExt as _, IntoEndpoint, Middleware, Route, endpoint::BoxEndpoint};

use crate::guard::Require;

/// A group of routes that admits known and active users only, and further requirements if they are
/// set.
///
/// The group owns its route and puts its guard in front of all of it, whenever a path is added:
/// nested and mounted endpoints, unknown paths, wrong methods, HEAD, OPTIONS and upgrades. To
/// anonymous requests every path of the group answers 401, whether a route exists or not.
///
/// ```
/// # use fauth_testing::TestUser;
/// # use fauth_poem::{CurrentUser, SecureRoute};
/// # use poem::{Route, get, handler};
/// # let auth = fauth_testing::provider().build().unwrap();
/// #[handler]
/// async fn dashboard(user: CurrentUser<TestUser>) -> String {
///     format!("Hello {}", user.name)
/// }
///
/// let internal = SecureRoute::new(&auth).require_roles(["admin"]).at("/dashboard", get(dashboard));
/// let app = Route::new().nest("/internal", internal);
/// ```
///
/// An application that is one guarded group needs no `Route` around it: serve the group itself.
///
/// # CORS
/// Browsers send preflight requests without credentials. Put the CORS middleware *outside* the
/// group: `.with(Cors::new())` on the group, or on the route on which it is mounted, is outside. A
/// preflight that reaches the guard is refused like any other anonymous request.
pub struct SecureRoute<U> {
    guard: Guard<U>,
    route: Route,
    inside: Vec<Wrapper>,
}

/// A middleware that is applied when the group is complete.
pub(crate) type Wrapper = Box<dyn FnOnce(BoxEndpoint<'static>) -> BoxEndpoint<'static> + Send + Sync>;

impl<U: AuthUser> SecureRoute<U> {
    /// Creates an empty group. Its handlers find the provider by themselves.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>) -> Self {
        Self { guard: Guard::group(auth, ""), route: Route::new(), inside: Vec::new() }
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

    /// Adds an endpoint, such as `get(handler)`. `"/*rest"` answers requests that match nothing
    /// else.
    ///
    /// # Panics
    /// Like [`Route::at`], if the path is taken or invalid.
    #[must_use]
    #[track_caller]
    pub fn at<E>(self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.declaration().add_route(&Methods::any(), &braced(path.as_ref()));
        Self { route: self.route.at(path, endpoint), ..self }
    }

    /// Mounts an endpoint under a path, such as a route or a folder of files. `"/"` adds the paths
    /// of another route to the group.
    ///
    /// # Panics
    /// Like [`Route::nest`], if the path is taken or is no prefix.
    #[must_use]
    #[track_caller]
    pub fn nest<E>(self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        let (path, endpoint) = (path.as_ref(), endpoint.into_endpoint());
        match group_in::<U>(&endpoint) {
            Some(group) => self.declaration().add_group(&braced(path), group),
            None => self.declaration().add_mount(&braced(path)),
        }
        Self { route: self.route.nest(path, endpoint), ..self }
    }

    /// Like [`nest`](Self::nest), for an endpoint that needs the path with its prefix.
    ///
    /// # Panics
    /// Like [`Route::nest_no_strip`], if the path is taken or is no prefix.
    #[must_use]
    #[track_caller]
    pub fn nest_no_strip<E>(self, path: impl AsRef<str>, endpoint: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.declaration().add_mount(&braced(path.as_ref()));
        Self { route: self.route.nest_no_strip(path, endpoint), ..self }
    }

    /// Wraps the whole group in a middleware that runs inside the guard, for admitted requests
    /// only. (`.with(..)` is poem's own, and wraps the guard too.)
    #[must_use]
    pub fn with_inside<M>(mut self, middleware: M) -> Self
    where
        M: Middleware<BoxEndpoint<'static>, Output: 'static> + Send + Sync + 'static,
    {
        self.inside.push(Box::new(move |inner| middleware.transform(inner).map_to_response().boxed()));
        self
    }
}

/// Returns what audits list of an endpoint, if it is a group.
fn group_in<U: AuthUser>(endpoint: &dyn Any) -> Option<&Arc<Declaration>> {
    endpoint.downcast_ref::<Require<BoxEndpoint<'static>, U>>().map(Require::declaration)
}

impl<U: AuthUser> IntoEndpoint for SecureRoute<U> {
    type Endpoint = Require<BoxEndpoint<'static>, U>;

    fn into_endpoint(self) -> Self::Endpoint {
        // So that inside the group the group's provider decides, and not one of the application.
        let route = self.route.data(self.guard.provider().clone()).boxed();
        let inner = self.inside.into_iter().fold(route, |inner, wrap| wrap(inner));
        Require::new(inner, self.guard)
    }
}

impl<U> fmt::Debug for SecureRoute<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureRoute").field("guard", &self.guard).finish_non_exhaustive()
    }
}
