//! The ready-made endpoints, mounted.

use std::{fmt, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, Limiter,
    audit::Declaration,
    limit::IntoLimit,
    mounts::{Mount, Mounts},
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};
use poem::{
    Body, EndpointExt as _, IntoEndpoint, Request, Response, Result, Route, endpoint::BoxEndpoint,
    error::ReadBodyError, http::Method,
};

use crate::{extract, head::Head, limit, respond::respond};

/// A route with the ready-made endpoints: login, refresh, logout, sessions; see [`fauth_core::routes`] for what they read and answer.
///
/// The routes of poem cannot be merged, so the application goes on from this one: `auth_routes(&auth).at("/me", get(me))`.
///
/// [`AuthRoutes`] mounts only some of them, or under other paths, or beside pages of your own.
#[must_use]
#[track_caller]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> Route {
    AuthRoutes::new(auth).into()
}

/// The ready-made endpoints, mounted as the application wants them. It becomes a route, from which
/// the application goes on.
///
/// ```
/// # use fauth_poem::AuthRoutes;
/// use fauth_core::routes::Endpoint;
/// # // Not hidden: frameworks have an `Endpoint` of their own.
/// # use poem::{Route, handler, web::Html};
/// # let auth = fauth_testing::provider().build().unwrap();
/// #[handler]
/// fn form() -> Html<&'static str> {
///     Html("<form>…</form><script>…</script>")
/// }
///
/// let routes = AuthRoutes::new(&auth)
///     .at(Endpoint::Login, "/signin")
///     // `GET /signin`. Its script sends the form to `POST /signin`, which answers with JSON.
///     .page(Endpoint::Login, form)
///     .without(Endpoint::LogoutAll);
/// let app = Route::from(routes);
/// ```
///
/// In poem a path is given once: `at` panics for a path that one of these endpoints has already,
/// also for another method. [`page`](Self::page) puts both there.
pub struct AuthRoutes<U> {
    auth: AuthProvider<U>,
    mounts: Mounts,
    pages: Vec<(Endpoint, BoxEndpoint<'static>)>,
}

impl<U: AuthUser> AuthRoutes<U> {
    /// All endpoints that the provider can answer, each at its usual path.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>) -> Self {
        Self { auth: auth.clone(), mounts: Mounts::of(auth), pages: Vec::new() }
    }

    /// What audits list of the endpoints.
    pub(crate) const fn declaration(&self) -> &Arc<Declaration> {
        self.mounts.declaration()
    }

    /// Keeps these endpoints and no others.
    #[must_use]
    pub fn only(self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { mounts: self.mounts.only(endpoints), ..self }
    }

    /// Leaves this endpoint out.
    #[must_use]
    pub fn without(self, endpoint: Endpoint) -> Self {
        Self { mounts: self.mounts.without(endpoint), ..self }
    }

    /// Mounts an endpoint under another path; see [`Mounts::at`].
    #[must_use]
    pub fn at(self, endpoint: Endpoint, path: &str) -> Self {
        Self { mounts: self.mounts.at(endpoint, path), ..self }
    }

    /// Limits how many requests to an endpoint pass: `limit(Endpoint::Login, "5/minute")`. They are
    /// refused with 429 before their body is read and before a password waits for its turn. A page
    /// at the same path is not limited.
    ///
    /// See [`Mounts::limit`]. What is no limit is reported to the log, and every request is refused
    /// with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, endpoint: Endpoint, limit: impl IntoLimit) -> Self {
        Self { mounts: self.mounts.limit(endpoint, limit), ..self }
    }

    /// Puts a page of the application's own at the path of an endpoint: it answers GET and HEAD,
    /// the endpoint everything else; see [`Mounts::page`].
    #[must_use]
    pub fn page<E>(mut self, endpoint: Endpoint, handler: E) -> Self
    where
        E: IntoEndpoint<Endpoint: 'static>,
    {
        self.pages.push((endpoint, handler.into_endpoint().map_to_response().boxed()));
        Self { mounts: self.mounts.page(endpoint), ..self }
    }
}

impl<U: AuthUser> AuthRoutes<U> {
    /// Each endpoint, and its path as poem writes it.
    pub(crate) fn into_endpoints(self) -> impl Iterator<Item = (String, Mounted<U>)> {
        let Self { auth, mounts, mut pages } = self;
        let mounts: Vec<Mount> = mounts.iter().cloned().collect();
        mounts.into_iter().map(move |mount| {
            let page = pages.iter().position(|(endpoint, _)| *endpoint == mount.endpoint());
            let page = page.filter(|_| mount.has_page()).map(|at| pages.swap_remove(at).1);
            // poem writes `:name` for what others write `{name}`.
            let path = mount.path().replace('{', ":").replace('}', "");
            let limiter = mount.limiter(&auth);
            (path, Mounted { auth: auth.clone(), mount, page, limiter })
        })
    }

    /// Adds the endpoints to a route that has others.
    pub(crate) fn mount_on(self, route: Route) -> Route {
        self.into_endpoints().fold(route, |route, (path, endpoint)| route.at(path, endpoint))
    }
}

#[cfg(feature = "openapi")]
impl<U: AuthUser> AuthRoutes<U> {
    pub(crate) const fn provider(&self) -> &AuthProvider<U> {
        &self.auth
    }

    pub(crate) const fn mounts(&self) -> &Mounts {
        &self.mounts
    }
}

impl<U: AuthUser> From<AuthRoutes<U>> for Route {
    fn from(routes: AuthRoutes<U>) -> Self {
        routes.mount_on(Self::new())
    }
}

impl<U: AuthUser> IntoEndpoint for AuthRoutes<U> {
    type Endpoint = Route;

    fn into_endpoint(self) -> Route {
        Route::from(self)
    }
}

impl<U> fmt::Debug for AuthRoutes<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRoutes").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}

/// Whatever no page of the application answers is the endpoint's, so that a wrong method is refused
/// by it.
pub(crate) struct Mounted<U> {
    auth: AuthProvider<U>,
    mount: Mount,
    page: Option<BoxEndpoint<'static>>,
    limiter: Option<Limiter<U>>,
}

impl<U: AuthUser> Mounted<U> {
    /// What the endpoint answers, if its limit lets the request through.
    async fn answer(&self, mut request: Request) -> Result<Response> {
        // poem reads into a buffer of several kilobytes, which would lie in every future around
        // this one.
        let reading = Box::pin(read_body(request.take_body(), MAX_BODY_BYTES));
        let auth = self.auth.clone().for_request(|| extract::pinned(request.extensions()));
        let body = self.mount.await_body(&auth, reading).await;
        Ok(answer(&auth, &self.mount, &request, body).await)
    }
}

impl<U: AuthUser> poem::Endpoint for Mounted<U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match (&self.page, &self.limiter) {
            (Some(page), _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                // A page within `get(..)` or not: poem's own methods take HEAD for GET too.
                page.call(request).await
            }
            (_, Some(limiter)) => {
                limit::pass(limiter, request, |request| Box::pin(self.answer(request))).await
            }
            (_, None) => self.answer(request).await,
        }
    }
}

async fn answer<U: AuthUser>(
    auth: &AuthProvider<U>,
    mount: &Mount,
    request: &Request,
    body: Result<Vec<u8>, BodyError>,
) -> Response {
    let call = mount.read(auth, &Head::from(request), body.as_deref().map_err(|error| *error));
    let token_in_body = call.has_token_in_body();
    match call.answer(auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(mount.refuse(auth, &rejection, &Head::from(request), token_in_body)),
    }
}

/// The whole body.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    match body.into_bytes_limit(limit).await {
        Ok(collected) => Ok(collected.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Incomplete),
    }
}
