//! Rate limits for a route or a group of routes, as middleware.

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
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use fauth_core::{
    AuthProvider, AuthUser, Guard, Limiter,
    audit::Declaration,
    limit::IntoLimit,
    rejection::{Pages, Renderer},
};

use crate::{
    extract,
    guard::enter,
    head::Head,
    respond::{amend, amend_error, respond},
};

/// Limits the rate of requests by client address: `limit(&auth, "5/minute")`. A
/// [`Limit`](fauth_core::limit::Limit) can count by something else. Requests above the limit are
/// refused with 429 before any other work is done.
///
/// ```
/// # use actix_web::{App, web::{get, resource}};
/// # use fauth_actix::{SecureScope, limit};
/// use fauth_core::limit::Limit;
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let search = resource("/search").route(get().to(async || "found"));
/// let app = App::new()
///     .service(search.wrap(limit(&auth, "5/second, 100/minute")))
///     .service(SecureScope::new("/api", &auth).limit(Limit::per_user("1000/hour")));
/// ```
///
/// Use it for routes that are open to everybody; guards and groups have a method `limit`. Put a
/// limit by user inside a guard. An invalid limit is logged, and every request is refused with 500.
///
/// All workers share the counts, which are kept with the provider.
#[must_use]
#[track_caller]
pub fn limit<U: AuthUser>(auth: &AuthProvider<U>, limit: impl IntoLimit) -> LimitLayer<U> {
    LimitLayer { limiter: Limiter::new(auth, limit) }
}

/// A limit as a middleware, for the `wrap` of [`App`](actix_web::App::wrap),
/// [`Scope`](actix_web::Scope::wrap), [`Resource`](actix_web::Resource::wrap) and
/// [`Route`](actix_web::Route::wrap).
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

impl<S, B, U> Transform<S, ServiceRequest> for LimitLayer<U>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = Limiting<S, U>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Limiting { inner: Rc::new(inner), limiter: self.limiter.clone() }))
    }
}

/// A service behind a limit.
pub struct Limiting<S, U> {
    inner: Rc<S>,
    limiter: Limiter<U>,
}

impl<S, U> Clone for Limiting<S, U> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), limiter: self.limiter.clone() }
    }
}

impl<S, U> fmt::Debug for Limiting<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(f)
    }
}

type Answering<B> = Pin<Box<dyn Future<Output = Result<ServiceResponse<EitherBody<B>>, Error>>>>;

impl<S, B, U> Service<ServiceRequest> for Limiting<S, U>
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
        let limiter = self.limiter.for_request(|| extract::pinned(&request.extensions())).into_owned();
        let asked = limiter.ask(&Head::of(&request), extract::earlier(&request.extensions()));
        let inner = Rc::clone(&self.inner);
        Box::pin(async move {
            match asked.answer().await {
                Ok(demands) => {
                    let answered = inner.call(request).await;
                    let mut response = answered.map_err(|error| amend_error(error, &demands))?;
                    amend(response.headers_mut(), &demands);
                    Ok(response.map_into_left_body())
                }
                Err(refusal) => {
                    let reply = limiter.refuse(&refusal, &Head::of(&request));
                    Ok(request.into_response(respond(reply)).map_into_right_body())
                }
            }
        })
    }
}

/// Passes the request through the limits of a guard and the guard to `inner`, or answers it.
pub(crate) fn answer<S, B, U>(guard: &Guard<U>, inner: Rc<S>, request: ServiceRequest) -> Answering<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    U: AuthUser,
{
    let asked = guard.ask_before(&Head::of(&request));
    let guard = guard.clone();
    Box::pin(async move {
        let demands = match asked.answer().await {
            Ok(demands) => demands,
            Err(limited) => {
                let reply = guard.refuse_limited(&limited, &Head::of(&request));
                return Ok(request.into_response(respond(reply)).map_into_right_body());
            }
        };
        let presented = guard.read(&Head::of(&request), extract::earlier(&request.extensions()));
        let inside = guard.clone();
        let inside = move |request: ServiceRequest| async move {
            let asked = inside.ask_after(&Head::of(&request), extract::earlier(&request.extensions()));
            match asked.answer().await {
                Ok(demands) => {
                    let answered = inner.call(request).await;
                    let mut response = answered.map_err(|error| amend_error(error, &demands))?;
                    amend(response.headers_mut(), &demands);
                    Ok(response.map_into_left_body())
                }
                Err(limited) => {
                    let reply = inside.refuse_limited(&limited, &Head::of(&request));
                    Ok(request.into_response(respond(reply)).map_into_right_body())
                }
            }
        };
        let answered = enter(&guard, presented, inside, request).await;
        let response = answered.map_err(|error| amend_error(error, &demands))?;
        let mut response = response.map_body(|_, body| match body {
            EitherBody::Left { body } => body,
            EitherBody::Right { body } => EitherBody::Right { body },
        });
        amend(response.headers_mut(), &demands);
        Ok(response)
    })
}
