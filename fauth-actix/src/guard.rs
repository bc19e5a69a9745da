//! Guards for a route or a group of routes, as middleware.

use std::{
    fmt,
    future::{Ready, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage as _,
    body::EitherBody,
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform},
    web::Bytes,
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Names, Presented, Requirement,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
    routes::BodyError,
};

use crate::{
    extract,
    head::Head,
    limit,
    respond::{amend, amend_error, render_refusal, respond},
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
    RequireLayer::new(Guard::new(auth, requirement))
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
    RequireLayer::new(Guard::visitor(auth))
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
    RequireLayer::new(Guard::guests(auth))
}

/// A guard as a middleware, for the `wrap` of [`App`](actix_web::App::wrap),
/// [`Scope`](actix_web::Scope::wrap), [`Resource`](actix_web::Resource::wrap) and
/// [`Route`](actix_web::Route::wrap).
///
/// Refusals are responses, not errors, so middleware further out (CORS, security headers) sees
/// them.
///
/// # Security
/// Around a `Route`, the guard covers the requests that the route matches, and nothing else of the
/// resource. For groups of routes use [`SecureScope`](crate::SecureScope), which has no such gaps.
pub struct RequireLayer<U> {
    guard: Guard<U>,
}

impl<U: AuthUser> RequireLayer<U> {
    pub(crate) const fn new(guard: Guard<U>) -> Self {
        Self { guard }
    }

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

impl<S, B, U> Transform<S, ServiceRequest> for RequireLayer<U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = Require<S, U>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Require { inner: Rc::new(inner), guard: self.guard.clone() }))
    }
}

/// A service behind a guard.
pub struct Require<S, U> {
    inner: Rc<S>,
    guard: Guard<U>,
}

impl<S, U> Clone for Require<S, U> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), guard: self.guard.clone() }
    }
}

impl<S, U> fmt::Debug for Require<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

pub(crate) type Answering<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

impl<S, B, U> Service<ServiceRequest> for Require<S, U>
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
        answer(&self.guard, Rc::clone(&self.inner), request)
    }
}

/// Passes the request to `inner` if the guard admits it; otherwise answers it.
pub(crate) fn answer<S, B, U>(guard: &Guard<U>, inner: Rc<S>, request: ServiceRequest) -> Answering<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    let guard = guard.for_request(|| extract::pinned(&request.extensions()));
    if guard.is_limited() {
        return limit::answer(&guard, inner, request);
    }
    let presented = guard.read(&Head::of(&request), extract::earlier(&request.extensions()));
    enter(&guard, presented, move |request| inner.call(request), request)
}

/// Like `answer`, for a request that has been read.
pub(crate) fn enter<U, F, B>(
    guard: &Guard<U>,
    presented: Presented<U>,
    inner: impl FnOnce(ServiceRequest) -> F + 'static,
    mut request: ServiceRequest,
) -> Answering<B>
where
    U: AuthUser,
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: 'static,
{
    let guard = guard.clone();
    Box::pin(async move {
        match guard.enter_reading(presented, |limit| read_form(&mut request, limit)).await {
            Ok(entered) => {
                if let Some(pin) = guard.pin() {
                    extract::pin(&mut request.extensions_mut(), pin);
                }
                if let Some(proof) = entered.csrf_proof() {
                    let proof = proof.beside(request.extensions().get());
                    request.extensions_mut().insert(proof);
                }
                if let Some(visitor) = guard.greet(&entered) {
                    let mut extensions = request.extensions_mut();
                    extract::remember_visitor(&mut extensions, visitor, guard.provider());
                }
                let (granted, demands) = entered.into_parts();
                if let Some(granted) = granted {
                    extract::remember_guarded(&mut request.extensions_mut(), granted, guard.provider());
                }
                let answered = inner(request).await;
                let response = answered.map_err(|error| amend_error(error, &demands))?;
                let mut response =
                    render_refusal(response, |rejection, head| guard.refuse_in_handler(rejection, head));
                amend(response.headers_mut(), &demands);
                Ok(response)
            }
            Err(rejection) => {
                let reply = guard.refuse(&rejection, &Head::of(&request));
                Ok(request.into_response(respond(reply)).map_into_right_body())
            }
        }
    })
}

/// Reads the body, and puts the bytes back into the request.
async fn read_form(request: &mut ServiceRequest, limit: usize) -> Result<Bytes, BodyError> {
    let body = read_body(request.take_payload(), limit).await?;
    request.set_payload(Payload::from(body.clone()));
    Ok(body)
}

/// Gives refusals that handlers return the form of this provider, for routes without a guard such
/// as a custom login or a registration. A middleware for the `wrap` of an application, a scope, a
/// resource or a route. Behind a guard it is not needed.
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

impl<S, B, U> Transform<S, ServiceRequest> for RenderRefusals<U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error, Future: 'static>,
    B: 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = Rendering<S, U>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Rendering { inner, auth: self.auth.clone() }))
    }
}

/// A service whose refusals take the form of a provider.
pub struct Rendering<S, U> {
    inner: S,
    auth: AuthProvider<U>,
}

impl<S, U> fmt::Debug for Rendering<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendering(..)")
    }
}

impl<S, B, U> Service<ServiceRequest> for Rendering<S, U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error, Future: 'static>,
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
        let auth = self.auth.clone().for_request(|| extract::pinned(&request.extensions()));
        let answering = self.inner.call(request);
        Box::pin(async move {
            Ok(render_refusal(answering.await?, |rejection, head| auth.refuse_in_handler(rejection, head)))
        })
    }
}
