//! Sends requests to the applications of the three frameworks.

#[cfg(feature = "actix")]
pub(crate) mod actix;
#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "poem")]
pub(crate) mod poem;

use crate::{WireRequest, WireResponse};

/// An application that answers requests, without a socket. Implemented for
///
/// - axum's `Router`, and every other cloneable service of tower (feature `axum`),
/// - what actix-web's `test::init_service(App::new()…)` returns (feature `actix`),
/// - poem's endpoints, such as `Route` (feature `poem`). Unlike those of poem's `TestClient`, the
///   requests carry the whole path, as they do in poem's server.
///
/// The compiler infers `Framework`.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use axum::{Router, routing::get};
/// use fauth_testing::{TestClient, WireRequest};
///
/// let app: Router = Router::new().route("/", get(async || "Hello"));
/// let response = app.send(WireRequest::get("/")).await;
/// assert_eq!((response.status, response.text().as_str()), (200, "Hello"));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no application that `fauth-testing` can send requests to",
    note = "switch the feature `axum`, `actix` or `poem` of `fauth-testing` on",
    note = "axum: a `Router` with its state; actix-web: `test::init_service(App::new()…).await`; poem: an endpoint",
    note = "pass the application itself, not a reference to it"
)]
pub trait TestClient<Framework> {
    /// Sends a request and reads the whole response.
    ///
    /// # Panics
    /// If the framework cannot represent the request, or the application closes the connection.
    fn send(&self, request: WireRequest) -> impl Future<Output = WireResponse>;
}
