//! The ready-made endpoints.

use std::{fmt, sync::Arc};

use actix_web::{
    FromRequest, Handler, HttpMessage as _, HttpRequest, HttpResponse, Resource, Responder, Route,
    body::{BodyStream, to_bytes_limited},
    dev::{self, AppService, HttpServiceFactory},
    guard,
    web::{self, Bytes, Payload},
};
use fauth_core::{
    AuthProvider, AuthUser,
    audit::Declaration,
    limit::IntoLimit,
    mounts::{Mount, Mounts},
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};

use crate::{extract, head::Head, limit::LimitLayer, respond::respond};

/// Returns the ready-made endpoints (login, refresh, logout and sessions), for the `service` of an
/// application or a scope. See [`fauth_core::routes`] for their requests and responses.
///
/// Use [`AuthRoutes`] to mount only some of them, to change their paths, or to add pages of your
/// own at the same paths.
#[must_use]
#[track_caller]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> AuthRoutes<U> {
    AuthRoutes::new(auth)
}

/// A selection of the ready-made endpoints, for the `service` of an application or a scope.
///
/// ```
/// # use actix_web::{App, web::Html};
/// # use fauth_actix::AuthRoutes;
/// use fauth_core::routes::Endpoint;
/// # // Not hidden: frameworks have an `Endpoint` of their own.
/// # let auth = fauth_testing::provider().build().unwrap();
/// async fn form() -> Html {
///     Html::new("<form>…</form><script>…</script>")
/// }
///
/// let routes = AuthRoutes::new(&auth)
///     .at(Endpoint::Login, "/signin")
///     // `GET /signin`. Its script sends the form to `POST /signin`, which answers with JSON.
///     .page(Endpoint::Login, form)
///     .without(Endpoint::LogoutAll);
/// let app = App::new().service(routes);
/// ```
///
/// In actix-web, a path belongs to the service registered first. A page registered beside these
/// endpoints, and not by [`page`](Self::page), either takes the path from the endpoint or is never
/// reached.
pub struct AuthRoutes<U> {
    pub(crate) auth: AuthProvider<U>,
    pub(crate) mounts: Mounts,
    pages: Vec<(Endpoint, Route)>,
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
    pub fn page<F, Args>(mut self, endpoint: Endpoint, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let page = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler);
        self.pages.push((endpoint, page));
        Self { mounts: self.mounts.page(endpoint), ..self }
    }
}

impl<U: AuthUser> HttpServiceFactory for AuthRoutes<U> {
    fn register(self, config: &mut AppService) {
        let Self { auth, mounts, mut pages } = self;
        // Each is a resource of its own: a scope around them would take all other paths under its
        // prefix.
        for mount in mounts.iter() {
            let page = pages.iter().position(|(endpoint, _)| *endpoint == mount.endpoint());
            let page = page.filter(|_| mount.has_page()).map(|at| pages.swap_remove(at).1);
            resource(auth.clone(), mount.clone(), page).register(config);
        }
    }
}

impl<U> fmt::Debug for AuthRoutes<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRoutes").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}

/// The endpoint answers every other method, so that it also refuses wrong ones.
fn resource<U: AuthUser>(auth: AuthProvider<U>, mount: Mount, page: Option<Route>) -> Resource {
    let (resource, limiter) = (web::resource(mount.path()), mount.limiter(&auth));
    let mut answer = web::to(move |request: HttpRequest, body: Payload| {
        answer(auth.clone(), mount.clone(), request, body)
    });
    if let Some(limiter) = limiter {
        answer = answer.wrap(LimitLayer::new(limiter));
    }
    match page {
        Some(page) => resource.route(page).default_service(answer),
        None => resource.route(answer),
    }
}

async fn answer<U: AuthUser>(
    auth: AuthProvider<U>,
    mount: Mount,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    let auth = auth.for_request(|| extract::pinned(&request.extensions()));
    let body = mount.await_body(&auth, read_body(body.into_inner(), MAX_BODY_BYTES)).await;
    let call = mount.read(&auth, &Head::from(&request), body.as_deref().map_err(|error| *error));
    let token_in_body = call.has_token_in_body();
    match call.answer(&auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(mount.refuse(&auth, &rejection, &Head::from(&request), token_in_body)),
    }
}

/// Reads the whole body.
pub(crate) async fn read_body(body: dev::Payload, limit: usize) -> Result<Bytes, BodyError> {
    match to_bytes_limited(BodyStream::new(body), limit).await {
        Ok(Ok(collected)) => Ok(collected),
        Ok(Err(_)) => Err(BodyError::Incomplete),
        Err(_) => Err(BodyError::TooLarge),
    }
}
