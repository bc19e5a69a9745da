//! Rate limits for a route or a group of routes, as middleware.

use std::{fmt, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Guard, Limiter,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

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
/// # use fauth_poem::{SecureRoute, limit};
/// # use poem::{EndpointExt as _, Route, get, handler};
/// use fauth_core::limit::Limit;
/// # let auth = fauth_testing::provider().build().unwrap();
/// # #[handler]
/// # fn search() -> &'static str {
/// #     "found"
/// # }
///
/// let app = Route::new()
///     .at("/search", get(search).with(limit(&auth, "5/second, 100/minute")))
///     .nest("/api", SecureRoute::new(&auth).limit(Limit::per_user("1000/hour")));
/// ```
///
/// Use it for routes that are open to everybody; guards and groups have a method `limit`. Put a
/// limit by user inside a guard. An invalid limit is logged, and every request is refused with 500.
#[must_use]
#[track_caller]
pub fn limit<U: AuthUser>(auth: &AuthProvider<U>, limit: impl IntoLimit) -> LimitMiddleware<U> {
    LimitMiddleware { limiter: Limiter::new(auth, limit) }
}

/// A limit as a middleware, for [`EndpointExt::with`](poem::EndpointExt::with) and everything else
/// that takes a middleware.
pub struct LimitMiddleware<U> {
    limiter: Limiter<U>,
}

impl<U: AuthUser> LimitMiddleware<U> {
    #[cfg(feature = "openapi")]
    pub(crate) const fn new(limiter: Limiter<U>) -> Self {
        Self { limiter }
    }

    #[cfg(feature = "openapi")]
    pub(crate) fn into_limiter(self) -> Limiter<U> {
        self.limiter
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

impl<U> Clone for LimitMiddleware<U> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone() }
    }
}

impl<U> fmt::Debug for LimitMiddleware<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(f)
    }
}

impl<E: Endpoint, U: AuthUser> Middleware<E> for LimitMiddleware<U> {
    type Output = Limiting<E, U>;

    fn transform(&self, inner: E) -> Self::Output {
        Limiting { inner, limiter: self.limiter.clone() }
    }
}

/// An endpoint behind a limit.
pub struct Limiting<E, U> {
    inner: E,
    limiter: Limiter<U>,
}

impl<E: Clone, U> Clone for Limiting<E, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limiter: self.limiter.clone() }
    }
}

impl<E, U> fmt::Debug for Limiting<E, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(f)
    }
}

impl<E: Endpoint, U: AuthUser> Endpoint for Limiting<E, U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        pass(&self.limiter, request, |request| self.inner.call(request)).await
    }
}

/// Passes the request through a limit to `inner`, or answers it.
pub(crate) async fn pass<U, F, R>(
    limiter: &Limiter<U>,
    request: Request,
    inner: impl FnOnce(Request) -> F,
) -> Result<Response>
where
    U: AuthUser,
    F: Future<Output = Result<R>>,
    R: IntoResponse,
{
    let limiter = limiter.for_request(|| extract::pinned(request.extensions()));
    let asked = limiter.ask(&Head::from(&request), extract::earlier(request.extensions()));
    match asked.answer().await {
        Ok(demands) => amend(inner(request).await.map(IntoResponse::into_response), &demands),
        Err(refusal) => Ok(respond(limiter.refuse(&refusal, &Head::from(&request)))),
    }
}

/// Passes the request through the limits of a guard and the guard to `inner`, or answers it.
pub(crate) async fn answer<E, U>(guard: &Guard<U>, inner: &E, request: Request) -> Result<Response>
where
    E: Endpoint,
    U: AuthUser,
{
    let asked = guard.ask_before(&Head::from(&request));
    let demands = match asked.answer().await {
        Ok(demands) => demands,
        Err(limited) => return Ok(respond(guard.refuse_limited(&limited, &Head::from(&request)))),
    };
    let presented = guard.read(&Head::from(&request), extract::earlier(request.extensions()));
    let inside = |request: Request| async move {
        let asked = guard.ask_after(&Head::from(&request), extract::earlier(request.extensions()));
        match asked.answer().await {
            Ok(demands) => {
                let outcome = inner.call(request).await.map(IntoResponse::into_response);
                amend(outcome, &demands)
            }
            Err(limited) => Ok(respond(guard.refuse_limited(&limited, &Head::from(&request)))),
        }
    };
    let outcome = enter(guard, presented, inside, request).await;
    amend(outcome, &demands)
}
