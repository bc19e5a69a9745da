//! The wrapper of APIs that guards and documents them.

use std::fmt;

use fauth_core::{AuthProvider, AuthUser, Guard, Names, Requirement, rejection::Renderer};

use super::{doors::Doors, group::ApiGroup};

/// A group of APIs that only known and active users can enter, and, if more is required, only those
/// who meet it. Its operations say so in the document.
///
/// Give it to [`ApiRoute::nest`](super::ApiRoute::nest) or [`ApiRoute::api`](super::ApiRoute::api).
/// An `OpenApiService` does not take it, since its document could not tell of the guard:
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
/// // Everything under /staff is for employees; what is under /staff/payroll, for those of them
/// // who may read it.
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
    /// APIs for users. Handlers inside find the provider without further ado.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>, apis: impl Into<ApiGroup>) -> Self {
        Self::of(Guard::group(auth, ""), apis.into())
    }

    /// APIs for users and visitors, as [`visitor`](crate::visitor) lets them in. What is required
    /// afterwards makes it a group for users.
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

    /// Gives the refusals of this group a form of their own, which the document shows too; see
    /// [`Renderer::describe`].
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer), ..self }
    }

    /// Adds APIs, or a [`SecureApi`] that asks for more, to the group; see [`ApiGroup::api`].
    #[must_use]
    #[track_caller]
    pub fn api(self, apis: impl Into<ApiGroup>) -> Self {
        let added = ApiGroup::new().api(apis);
        added.declare(self.guard.declaration(), "");
        Self { group: self.group.api(added), ..self }
    }

    /// Adds APIs, or a [`SecureApi`] that asks for more, under a prefix; see [`ApiGroup::nest`].
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
