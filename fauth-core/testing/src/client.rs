//! The applications of the three frameworks, as something that answers requests.

#[cfg(feature = "actix")]
pub(crate) mod actix;
#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "poem")]
pub(crate) mod poem;

use crate::{WireRequest, WireResponse};

/// An application that answers requests, without a socket. It is there for
///
/// - axum's `Router`, and every other cloneable service of tower (feature `axum`),
/// - what actix-web's `test::init_service(App::new()…)` gives (feature `actix`),
/// - poem's endpoints, such as `Route` (feature `poem`). Unlike those of poem's `TestClient`, the
///   requests know the whole path that was asked for, as they do in poem's server.
///
/// `Framework` is found by the compiler.
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
    /// Sends one request and reads the whole answer.
    ///
    /// # Panics
    /// If the request is none that the framework can take, or the application ends the connection.
    fn send(&self, request: WireRequest) -> impl Future<Output = WireResponse>;
}
