//! Guards for a route or a group of routes, as layers.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Presented, Requirement,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
    routes::BodyError,
};
use tower_layer::Layer;
use tower_service::Service;

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
pub fn require_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    require(auth, Requirement::user())
}

/// Admits any known and active user. The same as [`require_user`]: no guard admits inactive users
/// unless [`Requirement::danger_allow_inactive`] is set.
#[must_use]
#[track_caller]
pub fn require_active_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    require(auth, Requirement::user())
}

/// Admits users who have this role.
#[must_use]
#[track_caller]
pub fn require_role<U: AuthUser>(auth: &AuthProvider<U>, role: impl AsRef<str>) -> RequireLayer<U> {
    require(auth, Requirement::user().role(role))
}

/// Admits users who have **all** of these roles. A list that is empty by its type does not compile.
/// A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_roles<U: AuthUser, N: Names>(auth: &AuthProvider<U>, roles: N) -> RequireLayer<U> {
    const { assert!(!N::ARE_NONE, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().roles(roles))
}

/// Admits users who have **at least one** of these roles. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_any_role<U: AuthUser, N: Names>(auth: &AuthProvider<U>, roles: N) -> RequireLayer<U> {
    const { assert!(!N::ARE_NONE, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().any_role(roles))
}

/// Admits users who have this permission.
#[must_use]
#[track_caller]
pub fn require_permission<U: AuthUser>(
    auth: &AuthProvider<U>,
    permission: impl AsRef<str>,
) -> RequireLayer<U> {
    require(auth, Requirement::user().permission(permission))
}

/// Admits users who have **all** of these permissions. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_permissions<U: AuthUser, N: Names>(auth: &AuthProvider<U>, permissions: N) -> RequireLayer<U> {
    const { assert!(!N::ARE_NONE, "name at least one permission, or use `require_user`") }
    require(auth, Requirement::user().permissions(permissions))
}

/// Admits users whose token has this scope.
#[must_use]
#[track_caller]
pub fn require_scope<U: AuthUser>(auth: &AuthProvider<U>, scope: impl AsRef<str>) -> RequireLayer<U> {
    require(auth, Requirement::user().scope(scope))
}

/// Admits users whose token has **all** of these scopes. A list that is empty by its type does not
/// compile. A list that is empty at run time is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn require_scopes<U: AuthUser, N: Names>(auth: &AuthProvider<U>, scopes: N) -> RequireLayer<U> {
    const { assert!(!N::ARE_NONE, "name at least one scope, or use `require_user`") }
    require(auth, Requirement::user().scopes(scopes))
}

/// Admits users who meet the requirement.
#[must_use]
#[track_caller]
pub fn require<U: AuthUser>(auth: &AuthProvider<U>, requirement: Requirement) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, requirement) }
}

/// Admits users and guests, for pages that both may see. Handlers take a
/// [`Visitor`](crate::Visitor) or a [`MaybeUser`](crate::MaybeUser).
///
/// An invalid credential is refused. A dead cookie (expired, revoked, or of a user who no longer
/// exists) counts as none and is deleted by the response, which an extractor cannot do. Responses
/// that depend on the cookie are kept out of shared caches.
#[must_use]
#[track_caller]
pub fn visitor<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::visitor(auth) }
}

/// Admits guests only, for the sign-in page and the registration. A signed-in user is redirected
/// with 303 to the `next` parameter of the query if it stays on the origin, otherwise to
/// [`home`](RequireLayer::home). Calls by scripts, and all requests with an `Authorization` header,
/// are refused with 403 `guests_only` instead.
///
/// A dead cookie (expired, revoked, or of a user who no longer exists) counts as none and is
/// deleted by the response. The form of a signed-in user is redirected like the page, and its body
/// is not read. To let users change accounts, guard the page only, and not the route to which its
/// form is sent.
#[must_use]
#[track_caller]
pub fn guests_only<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::guests(auth) }
}

/// A guard as a layer, for [`MethodRouter::layer`](axum::routing::MethodRouter::layer) and
/// everything else that takes a layer.
///
/// # Security
/// A layer covers what was inside it when it was added, and nothing that is added later:
/// `get(a).layer(guard).post(b)` leaves `POST` open, so add the layer last. On a `Router`, it does
/// not cover the responses that the router itself generates. For groups of routes use
/// [`SecureRouter`](crate::SecureRouter), which has no such gaps.
pub struct RequireLayer<U> {
    guard: Guard<U>,
}

impl<U: AuthUser> RequireLayer<U> {
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

    #[cfg(feature = "utoipa")]
    pub(crate) const fn guard(&self) -> &Guard<U> {
        &self.guard
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

impl<U> Clone for RequireLayer<U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone() }
    }
}

impl<U> fmt::Debug for RequireLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

impl<S, U> Layer<S> for RequireLayer<U> {
    type Service = Require<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        Require { inner, guard: self.guard.clone() }
    }
}

/// A service behind a guard.
pub struct Require<S, U> {
    inner: S,
    guard: Guard<U>,
}

impl<S: Clone, U> Clone for Require<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: self.guard.clone() }
    }
}

impl<S, U> fmt::Debug for Require<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S, U> Service<Request> for Require<S, U>
where
    S: Service<Request, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    U: AuthUser,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Call the service that was polled ready, and leave the clone in its place.
        let waiting = self.inner.clone();
        let ready = mem::replace(&mut self.inner, waiting);
        answer(&self.guard, ready, request)
    }
}

/// Passes the request to `inner` if the guard admits it; otherwise answers it.
pub(crate) fn answer<S, U>(guard: &Guard<U>, mut inner: S, request: Request) -> Answering<S::Error>
where
    S: Service<Request, Response: IntoResponse, Future: Send> + Send + 'static,
    U: AuthUser,
{
    let guard = guard.for_request(|| extract::pinned(request.extensions()));
    if guard.is_limited() {
        return limit::answer(&guard, inner, request);
    }
    let presented = guard.read(&Head::of(&request), extract::earlier(request.extensions()));
    enter(&guard, presented, move |request| inner.call(request), request)
}

/// Like `answer`, for a request that has been read.
pub(crate) fn enter<U, F, R, E>(
    guard: &Guard<U>,
    presented: Presented<U>,
    inner: impl FnOnce(Request) -> F + Send + 'static,
    mut request: Request,
) -> Answering<E>
where
    U: AuthUser,
    F: Future<Output = Result<R, E>> + Send,
    R: IntoResponse,
{
    let guard = guard.clone();
    Box::pin(async move {
        match guard.enter_reading(presented, |limit| read_form(&mut request, limit)).await {
            Ok(entered) => {
                if let Some(pin) = guard.pin() {
                    extract::pin(request.extensions_mut(), pin);
                }
                if let Some(proof) = entered.csrf_proof() {
                    let proof = proof.beside(request.extensions().get());
                    request.extensions_mut().insert(proof);
                }
                if let Some(visitor) = guard.greet(&entered) {
                    extract::remember_visitor(request.extensions_mut(), visitor);
                }
                let (granted, demands) = entered.into_parts();
                if let Some(granted) = granted {
                    extract::remember_guarded(request.extensions_mut(), granted);
                }
                let head = KeptHead::of(&request, guard.refusals_read_headers());
                let response = inner(request).await?.into_response();
                let mut response =
                    render_refusal(response, |rejection| guard.refuse_in_handler(rejection, &head));
                amend(response.headers_mut(), &demands);
                Ok(response)
            }
            Err(rejection) => Ok(respond(guard.refuse(&rejection, &Head::of(&request)))),
        }
    })
}

/// Reads the body, and puts the bytes back into the request.
async fn read_form(request: &mut Request, limit: usize) -> Result<Bytes, BodyError> {
    let body = read_body(mem::take(request.body_mut()), limit).await?;
    *request.body_mut() = Body::from(body.clone());
    Ok(body)
}

/// Gives refusals that handlers return the form of this provider, for routes without a guard such
/// as a custom login or a registration. A layer for a [`MethodRouter`](axum::routing::MethodRouter)
/// or a whole `Router`. Behind a guard it is not needed.
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

impl<S, U> Layer<S> for RenderRefusals<U> {
    type Service = Rendering<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        Rendering { inner, auth: self.auth.clone() }
    }
}

/// A service whose refusals take the form of a provider.
pub struct Rendering<S, U> {
    inner: S,
    auth: AuthProvider<U>,
}

impl<S: Clone, U> Clone for Rendering<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), auth: self.auth.clone() }
    }
}

impl<S, U> fmt::Debug for Rendering<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendering(..)")
    }
}

impl<S, U> Service<Request> for Rendering<S, U>
where
    S: Service<Request, Response: IntoResponse, Future: Send + 'static>,
    U: AuthUser,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let auth = self.auth.clone().for_request(|| extract::pinned(request.extensions()));
        let head = KeptHead::of(&request, auth.refusals_read_headers());
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await?.into_response();
            Ok(render_refusal(response, |rejection| auth.refuse_in_handler(rejection, &head)))
        })
    }
}
