//! Guards for a route or a group of routes, as layers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use fauth_core::{AuthProvider, AuthUser, Guard, Requirement, rejection::Renderer};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    extract,
    head::Head,
    respond::{amend, respond},
};

/// Lets in any known and active user.
#[must_use]
pub fn require_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    require(auth, Requirement::user())
}

/// Lets in any known and active user. The same as [`require_user`]: no guard lets inactive users in unless
/// [`Requirement::danger_allow_inactive`] says so.
#[must_use]
pub fn require_active_user<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    require(auth, Requirement::user())
}

/// Lets in users who have **all** of these roles. An empty list does not compile.
#[must_use]
pub fn require_roles<U: AuthUser, const N: usize>(
    auth: &AuthProvider<U>,
    roles: [impl AsRef<str>; N],
) -> RequireLayer<U> {
    const { assert!(N > 0, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().roles(roles))
}

/// Lets in users who have **at least one** of these roles. An empty list does not compile.
#[must_use]
pub fn require_any_role<U: AuthUser, const N: usize>(
    auth: &AuthProvider<U>,
    roles: [impl AsRef<str>; N],
) -> RequireLayer<U> {
    const { assert!(N > 0, "name at least one role, or use `require_user`") }
    require(auth, Requirement::user().any_role(roles))
}

/// Lets in users who have **all** of these permissions. An empty list does not compile.
#[must_use]
pub fn require_permissions<U: AuthUser, const N: usize>(
    auth: &AuthProvider<U>,
    permissions: [impl AsRef<str>; N],
) -> RequireLayer<U> {
    const { assert!(N > 0, "name at least one permission, or use `require_user`") }
    require(auth, Requirement::user().permissions(permissions))
}

/// Lets in users whose token has **all** of these scopes. An empty list does not compile.
#[must_use]
pub fn require_scopes<U: AuthUser, const N: usize>(
    auth: &AuthProvider<U>,
    scopes: [impl AsRef<str>; N],
) -> RequireLayer<U> {
    const { assert!(N > 0, "name at least one scope, or use `require_user`") }
    require(auth, Requirement::user().scopes(scopes))
}

/// Lets in who meets the requirement.
#[must_use]
pub fn require<U: AuthUser>(auth: &AuthProvider<U>, requirement: Requirement) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, requirement) }
}

/// Lets everybody in, users and visitors, for pages that show one thing to the one and another to
/// the other. Handlers take a [`MaybeUser`](crate::MaybeUser).
///
/// A bad credential is refused, but a dead cookie (expired, revoked, or of somebody who is gone)
/// counts as none, and is deleted by the response: extractors alone cannot do that. What depends on
/// the cookie is kept from shared caches.
#[must_use]
pub fn visitor<U: AuthUser>(auth: &AuthProvider<U>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::visitor(auth) }
}

/// A guard as a layer, for [`MethodRouter::layer`](axum::routing::MethodRouter::layer) and everything else that takes one.
///
/// # Security
/// A layer covers what is inside it when it is added, and nothing that is added later: `get(a).layer(guard).post(b)` leaves `POST` open, so add it last. On a `Router` it does not cover what the router answers by
/// itself. For groups of routes use [`SecureRouter`](crate::SecureRouter), which has no such gaps.
pub struct RequireLayer<U> {
    guard: Guard<U>,
}

impl<U: AuthUser> RequireLayer<U> {
    /// Gives the refusals of this guard a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { guard: self.guard.renderer(renderer) }
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
        // The service that was polled ready is the one to call; the clone waits for its turn.
        let waiting = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, waiting);
        answer(&self.guard, ready, request)
    }
}

/// Lets the request through to `inner`, or answers it.
pub(crate) fn answer<S, U>(guard: &Guard<U>, mut inner: S, mut request: Request) -> Answering<S::Error>
where
    S: Service<Request, Response: IntoResponse, Future: Send> + Send + 'static,
    U: AuthUser,
{
    let presented = guard.read(&Head::of(&request), extract::earlier(request.extensions()));
    let guard = guard.clone();
    Box::pin(async move {
        match guard.enter(presented).await {
            Ok(entered) => {
                let (granted, demands) = entered.into_parts();
                if let Some(granted) = granted {
                    extract::remember_guarded(request.extensions_mut(), granted);
                }
                let mut response = inner.call(request).await?.into_response();
                amend(response.headers_mut(), &demands);
                Ok(response)
            }
            Err(rejection) => Ok(respond(guard.refuse(&rejection, &Head::of(&request)))),
        }
    })
}
