//! The ready-made endpoints.

use std::{error::Error, fmt, iter, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    handler::Handler,
    response::Response,
    routing::{MethodRouter, any, get},
};
use fauth_core::{
    AuthProvider, AuthUser,
    audit::Declaration,
    limit::IntoLimit,
    mounts::{Mount, Mounts},
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{extract, head::Head, limit::LimitLayer, respond::respond};

/// Returns a router with the ready-made endpoints: login, refresh, logout and sessions. See
/// [`fauth_core::routes`] for their requests and responses.
///
/// Use [`AuthRoutes`] to mount only some of them, to change their paths, or to add pages of your
/// own at the same paths.
#[track_caller]
pub fn auth_routes<U, S>(auth: &AuthProvider<U>) -> Router<S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    AuthRoutes::new(auth).into()
}

/// A selection of the ready-made endpoints. It becomes a router, for `merge` and `nest`.
///
/// ```
/// # use axum::{Router, response::Html};
/// # use fauth_axum::AuthRoutes;
/// use fauth_core::routes::Endpoint;
/// # // Not hidden: frameworks have an `Endpoint` of their own.
/// # let auth = fauth_testing::provider().build().unwrap();
/// async fn form() -> Html<&'static str> {
///     Html("<form>…</form><script>…</script>")
/// }
///
/// let routes = AuthRoutes::new(&auth)
///     .at(Endpoint::Login, "/signin")
///     // `GET /signin`. Its script sends the form to `POST /signin`, which answers with JSON.
///     .page(Endpoint::Login, form)
///     .without(Endpoint::LogoutAll);
/// let app: Router = Router::new().merge(routes);
/// ```
pub struct AuthRoutes<U, S = ()> {
    pub(crate) auth: AuthProvider<U>,
    pub(crate) mounts: Mounts,
    pages: Vec<(Endpoint, MethodRouter<S>)>,
}

impl<U, S> AuthRoutes<U, S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
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
    pub fn page<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.pages.push((endpoint, get(handler)));
        Self { mounts: self.mounts.page(endpoint), ..self }
    }
}

impl<U, S> From<AuthRoutes<U, S>> for Router<S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    fn from(routes: AuthRoutes<U, S>) -> Self {
        let AuthRoutes { auth, mounts, mut pages } = routes;
        mounts.iter().fold(Self::new(), |router, mount| {
            let (provider, read) = (auth.clone(), mount.clone());
            // The endpoint answers every other method, so that it also refuses wrong ones.
            let mut methods = any(move |request: Request| answer(provider, read, request));
            if let Some(limiter) = mount.limiter(&auth) {
                methods = methods.layer(LimitLayer::new(limiter));
            }
            if mount.has_page()
                && let Some(at) = pages.iter().position(|(endpoint, _)| *endpoint == mount.endpoint())
            {
                methods = methods.merge(pages.swap_remove(at).1);
            }
            router.route(mount.path(), methods)
        })
    }
}

impl<U, S> fmt::Debug for AuthRoutes<U, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRoutes").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}

async fn answer<U: AuthUser>(auth: AuthProvider<U>, mount: Mount, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let auth = auth.for_request(|| extract::pinned(&parts.extensions));
    let body = mount.await_body(&auth, read_body(body, MAX_BODY_BYTES)).await;
    let call = mount.read(&auth, &Head::from(&parts), body.as_deref().map_err(|error| *error));
    let token_in_body = call.has_token_in_body();
    match call.answer(&auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(mount.refuse(&auth, &rejection, &Head::from(&parts), token_in_body)),
    }
}

/// Reads the whole body.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_large(&*error) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Incomplete),
    }
}

/// Whether the body exceeds this limit, or a lower limit of an outer layer. The error of an outer
/// layer comes wrapped.
fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<LengthLimitError>)
}
