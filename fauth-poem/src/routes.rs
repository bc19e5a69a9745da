//! The ready-made endpoints.

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

/// Returns a route with the ready-made endpoints: login, refresh, logout and sessions. See
/// [`fauth_core::routes`] for their requests and responses.
///
/// Routes of poem cannot be merged, so add the routes of your application to this one:
/// `auth_routes(&auth).at("/me", get(me))`.
///
/// Use [`AuthRoutes`] to mount only some of them, to change their paths, or to add pages of your
/// own at the same paths.
#[must_use]
#[track_caller]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> Route {
    AuthRoutes::new(auth).into()
}

/// A selection of the ready-made endpoints. It becomes a route, to which the application adds its
/// own.
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
/// In poem, a path can be added only once: `at` panics for the path of one of these endpoints, also
/// for another method. Use [`page`](Self::page) to put a page at the same path.
pub struct AuthRoutes<U> {
    auth: AuthProvider<U>,
    mounts: Mounts,
    pages: Vec<(Endpoint, BoxEndpoint<'static>)>,
}

impl<U: AuthUser> AuthRoutes<U> {
    /// Creates all endpoints that the provider supports, each at its default path.
    #[must_use]
    #[track_caller]
    pub fn new(auth: &AuthProvider<U>) -> Self {
        Self { auth: auth.clone(), mounts: Mounts::of(auth), pages: Vec::new() }
    }

    /// Returns what audits list of the endpoints.
    pub(crate) const fn declaration(&self) -> &Arc<Declaration> {
        self.mounts.declaration()
    }

    /// Keeps only these endpoints.
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

    /// Limits the rate of requests to an endpoint: `limit(Endpoint::Login, "5/minute")`. Requests
    /// above the limit are refused with 429 before their body is read and before a password check
    /// is queued. A page at the same path is not limited.
    ///
    /// See [`Mounts::limit`]. An invalid limit is logged, and every request is refused with 500.
    #[must_use]
    #[track_caller]
    pub fn limit(self, endpoint: Endpoint, limit: impl IntoLimit) -> Self {
        Self { mounts: self.mounts.limit(endpoint, limit), ..self }
    }

    /// Puts a page of your own at the path of an endpoint. The page answers GET and HEAD, the
    /// endpoint all other methods; see [`Mounts::page`].
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
    /// Returns each endpoint, and its path as poem writes it.
    pub(crate) fn into_endpoints(self) -> impl Iterator<Item = (String, Mounted<U>)> {
        let Self { auth, mounts, mut pages } = self;
        let mounts: Vec<Mount> = mounts.iter().cloned().collect();
        mounts.into_iter().map(move |mount| {
            let page = pages.iter().position(|(endpoint, _)| *endpoint == mount.endpoint());
            let page = page.filter(|_| mount.has_page()).map(|at| pages.swap_remove(at).1);
            // poem writes `:name` where others write `{name}`.
            let path = mount.path().replace('{', ":").replace('}', "");
            let limiter = mount.limiter(&auth);
            (path, Mounted { auth: auth.clone(), mount, page, limiter })
        })
    }

    /// Adds the endpoints to an existing route.
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

/// The endpoint answers every other method, so that it also refuses wrong ones.
pub(crate) struct Mounted<U> {
    auth: AuthProvider<U>,
    mount: Mount,
    page: Option<BoxEndpoint<'static>>,
    limiter: Option<Limiter<U>>,
}

impl<U: AuthUser> Mounted<U> {
    /// Answers a request that the limit of the endpoint lets through.
    async fn answer(&self, mut request: Request) -> Result<Response> {
        // Boxed: poem reads into a buffer of several kilobytes, which would be part of every future
        // around this one.
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
                // Whether the page is within `get(..)` does not matter: poem's own methods also
                // take HEAD for GET.
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

/// Reads the whole body.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    match body.into_bytes_limit(limit).await {
        Ok(collected) => Ok(collected.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Incomplete),
    }
}
