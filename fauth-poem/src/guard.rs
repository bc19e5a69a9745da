//! Guards for a route or a group of routes, as middleware.

use std::{fmt, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Presented, Requirement,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
    routes::BodyError,
};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::{
    extract,
    head::{Head, KeptHead},
    limit,
    respond::{amend, render_refusal, respond},
    routes::read_body,
};

/// Admits any known and active user.
#[must_use]
#[track_caller]
pub fn require_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireMiddleware<U> {
    require(auth, Requirement::user())
}

/// Admits any known and active user. The same as [`require_user`]: no guard admits inactive users
/// unless [`Requirement::danger_allow_inactive`] is set.
#[must_use]
#[track_caller]
pub fn require_active_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireMiddleware<U> {
    require(auth, Requirement::user())
}

/// Admits users who have this role.
#[must_use]
#[track_caller]
pub fn require_role<U: AuthUser>(auth: &AuthProvider<U>, role: impl AsRef<str>) -> RequireMiddleware<U> {
    require(auth, Requirement::user().role(role))
}

/// Admits users who have **all** of these roles. A list that is empty by its type does not compile.
/// A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_roles<U: AuthUser, N: Names>(auth: &AuthProvider<U>, roles: N) -> RequireMiddleware<U> {
    const { assert!(!N::ARE_NONE, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().roles(roles))
}

/// Admits users who have **at least one** of these roles. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_any_role<U: AuthUser, N: Names>(auth: &AuthProvider<U>, roles: N) -> RequireMiddleware<U> {
    const { assert!(!N::ARE_NONE, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().any_role(roles))
}

/// Admits users who have this permission.
#[must_use]
#[track_caller]
pub fn require_permission<U: AuthUser>(
    auth: &AuthProvider<U>,
    permission: impl AsRef<str>,
) -> RequireMiddleware<U> {
    require(auth, Requirement::user().permission(permission))
}

/// Admits users who have **all** of these permissions. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_permissions<U: AuthUser, N: Names>(
    auth: &AuthProvider<U>,
    permissions: N,
) -> RequireMiddleware<U> {
    const { assert!(!N::ARE_NONE, "name at least one permission, or use `require_user`") }
    require(auth, Requirement::user().permissions(permissions))
}

/// Admits users whose token has this scope.
#[must_use]
#[track_caller]
pub fn require_scope<U: AuthUser>(auth: &AuthProvider<U>, scope: impl AsRef<str>) -> RequireMiddleware<U> {
    require(auth, Requirement::user().scope(scope))
}

/// Admits users whose token has **all** of these scopes. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_scopes<U: AuthUser, N: Names>(auth: &AuthProvider<U>, scopes: N) -> RequireMiddleware<U> {
    const { assert!(!N::ARE_NONE, "name at least one scope, or use `require_user`") }
    require(auth, Requirement::user().scopes(scopes))
}

/// Admits users who meet the requirement.
#[must_use]
#[track_caller]
pub fn require<U: AuthUser>(auth: &AuthProvider<U>, requirement: Requirement) -> RequireMiddleware<U> {
    RequireMiddleware { guard: Guard::new(auth, requirement) }
}

/// Admits users and guests, for pages that both may see. Handlers take a
/// [`Visitor`](crate::Visitor) or a [`MaybeUser`](crate::MaybeUser).
///
/// An invalid credential is refused. A dead cookie (expired, revoked, or of a user who no longer
/// exists) counts as none and is deleted by the response, which an extractor cannot do. Responses
/// that depend on the cookie are kept out of shared caches.
#[must_use]
#[track_caller]
pub fn visitor<U: AuthUser>(auth: &AuthProvider<U>) -> RequireMiddleware<U> {
    RequireMiddleware { guard: Guard::visitor(auth) }
}

/// Admits guests only, for the sign-in page and the registration. A signed-in user is redirected
/// with 303 to the `next` parameter of the query if it stays on the origin, otherwise to
/// [`home`](RequireMiddleware::home). Calls by scripts, and all requests with an `Authorization`
/// header, are refused with 403 `guests_only` instead.
///
/// A dead cookie (expired, revoked, or of a user who no longer exists) counts as none and is
/// deleted by the response. The form of a signed-in user is redirected like the page, and its body
/// is not read. To let users change accounts, guard the page only, and not the route to which its
/// form is sent.
#[must_use]
#[track_caller]
pub fn guests_only<U: AuthUser>(auth: &AuthProvider<U>) -> RequireMiddleware<U> {
    RequireMiddleware { guard: Guard::guests(auth) }
}

/// A guard as a middleware, for [`EndpointExt::with`](poem::EndpointExt::with) and everything else
/// that takes a middleware.
///
/// Refusals are responses, not errors, so middleware further out, such as `SetHeader`, sees them.
///
/// # Security
/// A middleware covers the endpoint that it wraps, and nothing beside it: on a handler within
/// `get(..)` it does not cover the wrong methods; on a `Route` it does not cover routes beside it.
/// For groups of routes use [`SecureRoute`](crate::SecureRoute), which has no such gaps.
pub struct RequireMiddleware<U> {
    guard: Guard<U>,
}

impl<U: AuthUser> RequireMiddleware<U> {
    /// Returns what audits list of the guard.
    pub(crate) fn declaration(&self) -> &Arc<Declaration> {
        self.guard.declaration()
    }

    /// Limits the rate of requests: `"5/minute"`, or a [`Limit`](fauth_core::limit::Limit). A limit
    /// by address counts a request before it is read, a limit by user after the user was admitted.
    /// Several limits all apply.
    ///
    /// An invalid limit is logged, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: impl IntoLimit) -> Self {
        Self { guard: self.guard.limit(limit) }
    }

    /// Sets the form of the refusals of this guard.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer) }
    }

    /// Redirects browsers to the sign-in page instead of refusing them: short for `renderer` with
    /// [`Pages`]. A string is the path of the sign-in page.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Redirects users from a page for [guests](guests_only) to this path, unless the query of the
    /// request has a `next`. Default: `/`.
    ///
    /// A path that does not stay on the origin is logged, and every request is refused with 500. On
    /// a guard that admits users, this setting is logged and has no effect.
    #[must_use]
    pub fn home(self, path: impl AsRef<str>) -> Self {
        Self { guard: self.guard.home(path) }
    }
}

impl<U> Clone for RequireMiddleware<U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone() }
    }
}

impl<U> fmt::Debug for RequireMiddleware<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

impl<E: Endpoint, U: AuthUser> Middleware<E> for RequireMiddleware<U> {
    type Output = Require<E, U>;

    fn transform(&self, inner: E) -> Self::Output {
        Require::new(inner, self.guard.clone())
    }
}

/// An endpoint behind a guard.
pub struct Require<E, U> {
    inner: E,
    guard: Guard<U>,
}

impl<E, U> Require<E, U> {
    pub(crate) const fn new(inner: E, guard: Guard<U>) -> Self {
        Self { inner, guard }
    }
}

impl<E, U: AuthUser> Require<E, U> {
    /// Returns what audits list of the guard.
    pub(crate) fn declaration(&self) -> &Arc<Declaration> {
        self.guard.declaration()
    }
}

impl<E: Clone, U> Clone for Require<E, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: self.guard.clone() }
    }
}

impl<E, U> fmt::Debug for Require<E, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

impl<E: Endpoint, U: AuthUser> Endpoint for Require<E, U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        answer(&self.guard, &self.inner, request).await
    }
}

/// Passes the request to `inner` if the guard admits it; otherwise answers it.
pub(crate) async fn answer<E: Endpoint, U: AuthUser>(
    guard: &Guard<U>,
    inner: &E,
    request: Request,
) -> Result<Response> {
    let guard = guard.for_request(|| extract::pinned(request.extensions()));
    if guard.is_limited() {
        return Box::pin(limit::answer(&guard, inner, request)).await;
    }
    let presented = guard.read(&Head::from(&request), extract::earlier(request.extensions()));
    enter(&guard, presented, |request| inner.call(request), request).await
}

/// Like `answer`, for a request that has been read.
pub(crate) async fn enter<U, F, R>(
    guard: &Guard<U>,
    presented: Presented<U>,
    inner: impl FnOnce(Request) -> F,
    mut request: Request,
) -> Result<Response>
where
    U: AuthUser,
    F: Future<Output = Result<R>>,
    R: IntoResponse,
{
    // Boxed, because poem reads into a buffer of several kilobytes.
    let entering = guard.enter_reading(presented, |limit| Box::pin(read_form(&mut request, limit)));
    match entering.await {
        Ok(entered) => {
            if let Some(pin) = guard.pin() {
                extract::pin(request.extensions_mut(), pin);
            }
            if let Some(proof) = entered.csrf_proof() {
                let proof = proof.beside(request.extensions().get());
                request.extensions_mut().insert(proof);
            }
            if let Some(visitor) = guard.greet(&entered) {
                extract::remember_visitor(request.extensions_mut(), visitor, guard.provider());
            }
            let (granted, demands) = entered.into_parts();
            if let Some(granted) = granted {
                extract::remember(request.extensions_mut(), granted, guard.provider());
            }
            let head = KeptHead::of(&request, guard.refusals_read_headers());
            let outcome = inner(request).await.map(IntoResponse::into_response);
            let outcome = render_refusal(outcome, |rejection| guard.refuse_in_handler(rejection, &head));
            amend(outcome, &demands)
        }
        Err(rejection) => Ok(respond(guard.refuse(&rejection, &Head::from(&request)))),
    }
}

/// Reads the body, and puts the bytes back into the request.
async fn read_form(request: &mut Request, limit: usize) -> Result<Vec<u8>, BodyError> {
    let body = read_body(request.take_body(), limit).await?;
    request.set_body(body.clone());
    Ok(body)
}

/// Gives refusals that handlers return the form of this provider, for routes without a guard such
/// as a custom login or a registration. A middleware for
/// [`EndpointExt::with`](poem::EndpointExt::with). Behind a guard it is not needed.
#[must_use]
pub fn render_refusals<U: AuthUser>(auth: &AuthProvider<U>) -> RenderRefusals<U> {
    RenderRefusals { auth: auth.clone() }
}

/// The value that [`render_refusals`] returns.
pub struct RenderRefusals<U> {
    auth: AuthProvider<U>,
}

impl<U> Clone for RenderRefusals<U> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone() }
    }
}

impl<U> fmt::Debug for RenderRefusals<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenderRefusals(..)")
    }
}

impl<E: Endpoint, U: AuthUser> Middleware<E> for RenderRefusals<U> {
    type Output = Rendering<E, U>;

    fn transform(&self, inner: E) -> Self::Output {
        Rendering { inner, auth: self.auth.clone() }
    }
}

/// An endpoint whose refusals take the form of a provider.
pub struct Rendering<E, U> {
    inner: E,
    auth: AuthProvider<U>,
}

impl<E: Clone, U> Clone for Rendering<E, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), auth: self.auth.clone() }
    }
}

impl<E, U> fmt::Debug for Rendering<E, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendering(..)")
    }
}

impl<E: Endpoint, U: AuthUser> Endpoint for Rendering<E, U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let auth = self.auth.clone().for_request(|| extract::pinned(request.extensions()));
        let head = KeptHead::of(&request, auth.refusals_read_headers());
        let outcome = self.inner.call(request).await.map(IntoResponse::into_response);
        render_refusal(outcome, |rejection| auth.refuse_in_handler(rejection, &head))
    }
}
