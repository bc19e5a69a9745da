//! Groups and the ready-made endpoints, with their documents, and the route that they become.

use std::{collections::BTreeMap, fmt};

use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Requirement,
    audit::{Declaration, Methods, braced},
    limit::IntoLimit,
    openapi::{
        Endpoints, endpoints,
        reach::{self, Reach},
        template,
    },
    rejection::{Pages, Renderer},
};
use poem::{EndpointExt as _, Route, endpoint::BoxEndpoint, http};
use poem_openapi::OpenApi;

use super::{
    ApiError,
    route::{Api, Described, Doors, OnePath},
};
use crate::{limit::LimitMiddleware, routes::AuthRoutes};

/// APIs that are open to everybody, except for groups among them that are a [`SecureApi`].
///
/// Every API of poem-openapi converts to one, and so do tuples of APIs and every [`SecureApi`].
#[derive(Default)]
pub struct ApiGroup {
    /// The guards of the group as a whole.
    pub(super) doors: Doors,
    pub(super) apis: Vec<Api>,
    pub(super) nests: Vec<Nest>,
    pub(super) ready_made: Vec<ReadyMade>,
}

/// A group that has everything under a prefix.
pub(super) struct Nest {
    pub(super) prefix: String,
    pub(super) group: ApiGroup,
}

/// The ready-made endpoints of a provider.
pub(super) struct ReadyMade {
    pub(super) provider: Box<dyn Described>,
    pub(super) described: Endpoints,
    /// By path, as poem writes it.
    endpoints: Vec<(String, BoxEndpoint<'static>)>,
    pub(super) doors: Doors,
}

impl ApiGroup {
    /// Creates an empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds APIs, or a [`SecureApi`], at the path of this group.
    ///
    /// The guard of a [`SecureApi`] covers all its paths, for every method, except operations that
    /// another API here has on them. Paths that belong to no API are not guarded;
    /// [`nest`](Self::nest) guards all paths under a prefix, known or unknown.
    #[must_use]
    pub fn api(mut self, apis: impl Into<Self>) -> Self {
        let Self { doors, apis, nests, ready_made } = apis.into();
        self.apis.extend(apis.into_iter().map(|api| Api { doors: doors.around(&api.doors), ..api }));
        self.ready_made.extend(
            ready_made.into_iter().map(|routes| ReadyMade { doors: doors.around(&routes.doors), ..routes }),
        );
        self.nests.extend(nests.into_iter().map(|Nest { prefix, group }| {
            let doors = doors.around(&group.doors);
            Nest { prefix, group: Self { doors, ..group } }
        }));
        self
    }

    /// Adds APIs, or a [`SecureApi`], under a prefix such as `"/admin"`. They own all paths under
    /// it, known or unknown.
    ///
    /// A prefix has no parameters. Write those in the paths of the API.
    #[must_use]
    pub fn nest(mut self, prefix: impl AsRef<str>, apis: impl Into<Self>) -> Self {
        self.nests.push(Nest { prefix: reach::normal(prefix.as_ref()), group: apis.into() });
        self
    }

    /// Adds the ready-made endpoints of a provider: login, refresh, logout and sessions.
    #[must_use]
    pub fn auth_routes<U: AuthUser>(mut self, routes: AuthRoutes<U>) -> Self {
        self.ready_made.push(routes.into());
        self
    }

    /// Puts a limit in front of everything in this group, and adds it to the operations. A limit is
    /// no guard: the operations remain open.
    ///
    /// ```
    /// # use fauth_poem::{limit, openapi::{ApiGroup, ApiRoute}};
    /// # use poem_openapi::OpenApi;
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// # struct Search;
    /// # #[OpenApi] impl Search { #[oai(path = "/", method = "get")] async fn f(&self) {} }
    /// let search = ApiGroup::new().api(Search).limit(limit(&auth, "5/minute"));
    /// let (_, document) = ApiRoute::new("Shop", "1.0").nest("/search", search).into_parts();
    ///
    /// assert_eq!(document["paths"]["/search"]["get"]["x-rate-limit"][0]["limit"], "5/minute");
    /// ```
    #[must_use]
    pub fn limit<U: AuthUser>(self, limit: LimitMiddleware<U>) -> Self {
        let doors = Doors::of_limit(limit).around(&self.doors);
        Self { doors, ..self }
    }

    /// Adds its routes to the audit as part of the group around it. An API with a guard of its own
    /// has its own declaration, and is listed as a group if it has a prefix.
    #[track_caller]
    pub(super) fn declare(&self, outer: &Declaration, below: &str) {
        for Api { table, .. } in self.apis.iter().filter(|api| api.doors.are_open()) {
            for (path, endpoints) in table {
                let methods = Methods::of(endpoints.keys().map(http::Method::as_str));
                outer.add_route(&methods, &format!("{below}{}", braced(path)));
            }
        }
        for Nest { prefix, group } in &self.nests {
            let path = format!("{below}{prefix}");
            match group.doors.guarding() {
                Some(guard) => outer.add_group(&path, guard),
                None => group.declare(outer, &path),
            }
        }
    }

    /// Returns its paths, to check that each is reachable and guarded where it is documented.
    pub(super) fn reach(&self) -> Reach {
        let own = self.apis.iter().flat_map(Api::paths);
        let ready_made = self.ready_made.iter().flat_map(|routes| routes.described.paths.keys());
        let reach = Reach::new().own(own).ready_made(ready_made);
        self.nests.iter().fold(reach, |reach, Nest { prefix, group }| reach.nest(prefix, group.reach()))
    }

    /// Builds one route of everything, inside the guards of the group as a whole.
    pub(super) fn into_route(self) -> Result<Route, ApiError> {
        let Self { apis, nests, ready_made, .. } = self;
        let mut route = Route::new();
        for ReadyMade { endpoints, doors, .. } in ready_made {
            for (path, endpoint) in endpoints {
                route = route.try_at(path, doors.close(endpoint)).map_err(ApiError::Route)?;
            }
        }
        for Nest { prefix, group } in nests {
            let doors = group.doors.clone();
            route =
                route.try_nest(prefix, doors.close(group.into_route()?.boxed())).map_err(ApiError::Route)?;
        }
        for (path, endpoints) in joined(apis)? {
            route = route.try_at(path, endpoints).map_err(ApiError::Route)?;
        }
        Ok(route)
    }
}

/// Joins the endpoints of all APIs with the same prefix, by path.
fn joined(apis: Vec<Api>) -> Result<BTreeMap<String, OnePath>, ApiError> {
    let mut paths: BTreeMap<String, OnePath> = BTreeMap::new();
    for Api { table, doors, .. } in apis {
        for (path, endpoints) in table {
            let shown = template(&path);
            paths.entry(path).or_default().add(&shown, &doors, endpoints)?;
        }
    }
    Ok(paths)
}

impl<U: AuthUser> From<AuthRoutes<U>> for ReadyMade {
    fn from(routes: AuthRoutes<U>) -> Self {
        let provider = Box::new(routes.provider().clone());
        let described = endpoints(routes.provider(), routes.mounts());
        let endpoints = routes.into_endpoints().map(|(path, endpoint)| (path, endpoint.boxed())).collect();
        Self { provider, described, endpoints, doors: Doors::default() }
    }
}

impl<T: OpenApi> From<T> for ApiGroup {
    fn from(api: T) -> Self {
        Self { apis: vec![Api::new(api)], ..Self::default() }
    }
}

impl fmt::Debug for ApiGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<&str> = self.nests.iter().map(|nest| &*nest.prefix).collect();
        let paths: Vec<&String> = self.apis.iter().flat_map(|api| api.table.keys()).collect();
        f.debug_struct("ApiGroup").field("paths", &paths).field("nests", &prefixes).finish_non_exhaustive()
    }
}

/// A group of APIs that admits known and active users only, and further requirements if they are
/// set. Its operations document this.
///
/// Pass it to [`ApiRoute::nest`](super::ApiRoute::nest) or [`ApiRoute::api`](super::ApiRoute::api).
/// An `OpenApiService` does not accept it, because its document could not show the guard:
///
/// ```compile_fail,E0277
/// # use fauth_poem::openapi::SecureApi;
/// # use poem_openapi::{OpenApi, OpenApiService};
/// # let auth = fauth_testing::provider().build().unwrap();
/// # struct Admin;
/// # #[OpenApi] impl Admin { #[oai(path = "/", method = "get")] async fn f(&self) {} }
/// OpenApiService::new(SecureApi::new(&auth, Admin), "Admin", "1.0").spec();
/// ```
///
/// ```
/// # use fauth_poem::openapi::{ApiRoute, SecureApi};
/// # use poem_openapi::OpenApi;
/// # let auth = fauth_testing::provider().build().unwrap();
/// # struct Users; struct Payroll;
/// # #[OpenApi] impl Users { #[oai(path = "/users", method = "get")] async fn f(&self) {} }
/// # #[OpenApi] impl Payroll { #[oai(path = "/", method = "get")] async fn f(&self) {} }
/// // Everything under /staff is for employees, and everything under /staff/payroll for those of
/// // them who may read it.
/// let staff = SecureApi::new(&auth, Users)
///     .require_roles(["employee"])
///     .nest("/payroll", SecureApi::new(&auth, Payroll).require_permissions(["payroll:read"]));
/// let (_, document) = ApiRoute::new("Staff", "1.0").nest("/staff", staff).into_parts();
///
/// let asked = &document["paths"]["/staff/payroll"]["get"]["x-requirement"]["all_of"];
/// assert_eq!(asked[0]["roles"][0], "employee");
/// assert_eq!(asked[1]["permissions"][0], "payroll:read");
/// ```
pub struct SecureApi<U> {
    guard: Guard<U>,
    group: ApiGroup,
}

impl<U: AuthUser> SecureApi<U> {
    /// Creates a group for users. Its handlers find the provider by themselves.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>, apis: impl Into<ApiGroup>) -> Self {
        Self::of(Guard::group(auth, ""), apis.into())
    }

    /// Creates a group for users and guests, who are admitted as by [`visitor`](crate::visitor).
    /// Requirements added later make it a group for users.
    #[must_use]
    #[track_caller]
    pub fn visitor(auth: &AuthProvider<U>, apis: impl Into<ApiGroup>) -> Self {
        Self::of(Guard::visitor(auth), apis.into())
    }

    #[track_caller]
    fn of(guard: Guard<U>, group: ApiGroup) -> Self {
        group.declare(guard.declaration(), "");
        Self { guard, group }
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

    /// Limits the rate of requests, for the whole group: `"5/minute"`, or a
    /// [`Limit`](fauth_core::limit::Limit). A limit by address counts a request before it is read,
    /// a limit by user after the user was admitted. Several limits all apply.
    ///
    /// An invalid limit is logged, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: impl IntoLimit) -> Self {
        Self { guard: self.guard.limit(limit), ..self }
    }

    /// Sets the form of the refusals of this group, which the document shows too; see
    /// [`Renderer::describe`].
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer), ..self }
    }

    /// Redirects browsers to the sign-in page instead of refusing them: short for `renderer` with
    /// [`Pages`]. A string is the path of the sign-in page. The document shows the response to
    /// scripts.
    ///
    /// ```
    /// # use fauth_poem::openapi::{ApiRoute, SecureApi};
    /// # use poem_openapi::OpenApi;
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// # struct Orders;
    /// # #[OpenApi] impl Orders { #[oai(path = "/", method = "get")] async fn f(&self) {} }
    /// let orders = SecureApi::new(&auth, Orders).pages("/signin");
    /// let (route, document) = ApiRoute::new("Shop", "1.0").nest("/orders", orders).into_parts();
    /// # let refusal = &document["paths"]["/orders"]["get"]["responses"]["401"];
    /// # assert!(refusal["content"]["application/problem+json"].is_object());
    /// ```
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Adds APIs, or a [`SecureApi`] with further requirements, to the group; see
    /// [`ApiGroup::api`].
    #[must_use]
    #[track_caller]
    pub fn api(self, apis: impl Into<ApiGroup>) -> Self {
        let added = ApiGroup::new().api(apis);
        added.declare(self.guard.declaration(), "");
        Self { group: self.group.api(added), ..self }
    }

    /// Adds APIs, or a [`SecureApi`] with further requirements, under a prefix; see
    /// [`ApiGroup::nest`].
    #[must_use]
    #[track_caller]
    pub fn nest(self, prefix: impl AsRef<str>, apis: impl Into<ApiGroup>) -> Self {
        let added = ApiGroup::new().nest(prefix, apis);
        added.declare(self.guard.declaration(), "");
        Self { group: self.group.api(added), ..self }
    }
}

impl<U: AuthUser> From<SecureApi<U>> for ApiGroup {
    fn from(SecureApi { guard, group }: SecureApi<U>) -> Self {
        let doors = Doors::of(guard).around(&group.doors);
        Self { doors, ..group }
    }
}

impl<U> fmt::Debug for SecureApi<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureApi").field("guard", &self.guard).field("group", &self.group).finish()
    }
}
