//! The ready-made endpoints, mounted.

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

/// The ready-made endpoints (login, refresh, logout, sessions), for the `service` of an application or a scope; see [`fauth_core::routes`] for what they read and answer.
///
/// [`AuthRoutes`] mounts only some of them, or under other paths, or beside pages of your own.
#[must_use]
#[track_caller]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> AuthRoutes<U> {
    AuthRoutes::new(auth)
}

/// The ready-made endpoints, mounted as the application wants them, for the `service` of an
/// application or a scope.
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
/// In actix-web a path belongs to whoever registers it first: a page that is registered beside
/// these endpoints, and not by [`page`](Self::page), takes the path from the endpoint or never sees
/// a request.
pub struct AuthRoutes<U> {
    pub(crate) auth: AuthProvider<U>,
    pub(crate) mounts: Mounts,
    pages: Vec<(Endpoint, Route)>,
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
        // Each a resource of its own: a scope around them would swallow all other paths under its
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

/// Whatever no page of the application answers is the endpoint's, so that a wrong method is refused
/// by it.
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

/// The whole body.
pub(crate) async fn read_body(body: dev::Payload, limit: usize) -> Result<Bytes, BodyError> {
    match to_bytes_limited(BodyStream::new(body), limit).await {
        Ok(Ok(collected)) => Ok(collected),
        Ok(Err(_)) => Err(BodyError::Incomplete),
        Err(_) => Err(BodyError::TooLarge),
    }
}
