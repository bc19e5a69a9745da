//! Rate limits for a route or a group of routes, as layers.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Limiter,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    extract,
    guard::enter,
    head::Head,
    respond::{amend, respond},
};

/// Limits the rate of requests by client address: `limit(&auth, "5/minute")`. A
/// [`Limit`](fauth_core::limit::Limit) can count by something else. Requests above the limit are
/// refused with 429 before any other work is done.
///
/// ```
/// # use axum::{Router, routing::{get, post}};
/// # use fauth_axum::{SecureRouter, limit};
/// use fauth_core::limit::Limit;
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let app: Router = Router::new()
///     .route("/search", get(async || "found").layer(limit(&auth, "5/second, 100/minute")))
///     .nest_service("/api", SecureRouter::new(&auth).limit(Limit::per_user("1000/hour")));
/// ```
///
/// Use it for routes that are open to everybody; guards and groups have a method `limit`. Put a
/// limit by user inside a guard. An invalid limit is logged, and every request is refused with 500.
///
/// The peer address is known only if the application is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise all clients share one limit.
#[must_use]
#[track_caller]
pub fn limit<U: AuthUser>(auth: &AuthProvider<U>, limit: impl IntoLimit) -> LimitLayer<U> {
    LimitLayer { limiter: Limiter::new(auth, limit) }
}

/// A limit as a layer, for [`MethodRouter::layer`](axum::routing::MethodRouter::layer) and
/// everything else that takes a layer.
pub struct LimitLayer<U> {
    limiter: Limiter<U>,
}

impl<U: AuthUser> LimitLayer<U> {
    pub(crate) const fn new(limiter: Limiter<U>) -> Self {
        Self { limiter }
    }

    #[cfg(feature = "utoipa")]
    pub(crate) const fn limiter(&self) -> &Limiter<U> {
        &self.limiter
    }

    /// Returns what audits list of the limit.
    pub(crate) fn declaration(&self) -> Option<&Arc<Declaration>> {
        self.limiter.declaration()
    }

    /// Adds a limit. Limits are checked in order. The first one exceeded refuses the request, which
    /// those before it have counted.
    #[must_use]
    #[track_caller]
    pub fn and(self, limit: impl IntoLimit) -> Self {
        Self { limiter: self.limiter.and(limit) }
    }

    /// Sets the form of the refusals.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { limiter: self.limiter.renderer(renderer) }
    }

    /// Redirects browsers to the sign-in page instead of refusing them: short for `renderer` with
    /// [`Pages`]. A string is the path of the sign-in page.
    #[must_use]
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }
}

impl<U> Clone for LimitLayer<U> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone() }
    }
}

impl<U> fmt::Debug for LimitLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(f)
    }
}

impl<S, U> Layer<S> for LimitLayer<U> {
    type Service = Limiting<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        Limiting { inner, limiter: self.limiter.clone() }
    }
}

/// A service behind a limit.
pub struct Limiting<S, U> {
    inner: S,
    limiter: Limiter<U>,
}

impl<S: Clone, U> Clone for Limiting<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limiter: self.limiter.clone() }
    }
}

impl<S, U> fmt::Debug for Limiting<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(f)
    }
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S, U> Service<Request> for Limiting<S, U>
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
        let mut ready = std::mem::replace(&mut self.inner, waiting);
        let limiter = self.limiter.for_request(|| extract::pinned(request.extensions())).into_owned();
        let asked = limiter.ask(&Head::of(&request), extract::earlier(request.extensions()));
        Box::pin(async move {
            match asked.answer().await {
                Ok(demands) => {
                    let mut response = ready.call(request).await?.into_response();
                    amend(response.headers_mut(), &demands);
                    Ok(response)
                }
                Err(refusal) => Ok(respond(limiter.refuse(&refusal, &Head::of(&request)))),
            }
        })
    }
}

/// Passes the request through the limits of a guard and the guard to `inner`, or answers it.
pub(crate) fn answer<S, U>(guard: &Guard<U>, mut inner: S, request: Request) -> Answering<S::Error>
where
    S: Service<Request, Response: IntoResponse, Future: Send> + Send + 'static,
    U: AuthUser,
{
    let asked = guard.ask_before(&Head::of(&request));
    let guard = guard.clone();
    Box::pin(async move {
        let demands = match asked.answer().await {
            Ok(demands) => demands,
            Err(limited) => return Ok(respond(guard.refuse_limited(&limited, &Head::of(&request)))),
        };
        let presented = guard.read(&Head::of(&request), extract::earlier(request.extensions()));
        let inside = guard.clone();
        let inside = move |request: Request| async move {
            let asked = inside.ask_after(&Head::of(&request), extract::earlier(request.extensions()));
            match asked.answer().await {
                Ok(demands) => {
                    let mut response = inner.call(request).await?.into_response();
                    amend(response.headers_mut(), &demands);
                    Ok(response)
                }
                Err(limited) => Ok(respond(inside.refuse_limited(&limited, &Head::of(&request)))),
            }
        };
        let mut response = enter(&guard, presented, inside, request).await?;
        amend(response.headers_mut(), &demands);
        Ok(response)
    })
}
