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

/// Limits how many requests pass: `limit(&auth, "5/minute")`. Counted are the requests of one
/// client address; a [`Limit`](fauth_core::limit::Limit) may say otherwise. Beyond it, requests are
/// refused with 429 before anything else is done for them.
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
/// It is for routes that are open to everybody; guards and groups have a method `limit`. A limit by
/// user goes inside of a guard. What is no limit is reported to the log, and every request is
/// refused with 500.
///
/// Limits of all workers count together: what is counted is kept with the provider.
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

    /// The limiter.
    #[cfg(feature = "utoipa")]
    pub(crate) const fn limiter(&self) -> &Limiter<U> {
        &self.limiter
    }

    /// What audits list of the limit.
    pub(crate) fn declaration(&self) -> Option<&Arc<Declaration>> {
        self.limiter.declaration()
    }

    /// One more limit. They are asked in their order, and the first that refuses decides; those
    /// before it have counted the request.
    #[must_use]
    #[track_caller]
    pub fn and(self, limit: impl IntoLimit) -> Self {
        Self { limiter: self.limiter.and(limit) }
    }

    /// Gives the refusals a form of their own.
    #[must_use]
    pub fn renderer(self, renderer: impl Renderer) -> Self {
        Self { limiter: self.limiter.renderer(renderer) }
    }

    /// Answers browsers with pages: the same as `renderer` with
    /// [`Pages`]. A text is the path of the sign-in page.
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

/// Lets the request through the limits of a guard, and through the guard, to `inner`.
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
