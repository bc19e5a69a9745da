#![cfg_attr(docsrs, feature(doc_cfg))]
// The names that the front page links, before the addresses that they have elsewhere: the first definition counts.
#![doc = include_str!("links.md")]
#![cfg_attr(feature = "openapi", doc = "[`openapi`]: mod@crate::openapi")]
#![cfg_attr(feature = "swagger-ui", doc = "[`swagger_ui`]: fn@crate::swagger_ui")]
#![doc = include_str!("../README.md")]
//!
//! # Which type does what
//! - Groups of routes: [`SecureRoute`], which cannot leak. A single endpoint or route:
//!   [`require_user`], [`require_role`] and the others, for its `with`.
//! - A whole application by a table of paths: [`protect`]. Its rules come from code or from a file,
//!   and can make private what nobody has thought of.
//! - In handlers: [`CurrentUser`], [`MaybeUser`] (not `Option<CurrentUser>`), [`Token`],
//!   [`Grant`], [`CurrentSession`].
//! - Login, refresh and logout: [`auth_routes`]; under other paths, or beside pages of your own:
//!   [`AuthRoutes`].
//! - Pages that a user and a visitor may see: [`visitor`], so that a dead cookie is deleted. With
//!   cookies, prefer it and the guards to extractors alone, which cannot keep an answer from shared
//!   caches either.
//! - For templates: [`Visitor`], a known user or a guest in one type. The sign-in page:
//!   [`guests_only`]. Browsers are sent to it by `.pages("/signin")` of guards, groups and the
//!   provider's builder.
//! - How many requests pass: [`limit`], or the method `limit` of guards, groups and [`AuthRoutes`].
//! - What handlers return with `?`: [`Refused`]. On routes without guard, [`render_refusals`] gives
//!   it the form of the provider.
//! - An `OpenAPI` document that says what the guards enforce: the feature `openapi`, and its module
//!   `openapi`.
//! - A page that shows your OpenAPI document, with a working Authorize button: `swagger_ui`
//!   (feature `swagger-ui`).
//! - A WebSocket that is closed when the authority of its user ends: `until_ended` (feature
//!   `websocket`).
//! - Which routes are open: [`AuditedRoute`], which registers what it mounts, and
//!   [`assert_all_guarded!`] in a test.
//! - Endpoints of the application's own: [`Head`] shows the core a request, [`respond`] turns its reply into a response.
//!
//! # Errors in handlers
//! A handler returns `Result<_, Refused>`, and `?` turns whatever a provider's method fails with
//! into the same answer that a guard gives: form, challenge, `no-store`. See [`Refused`].
//!
//! # The order of middlewares
//! In poem the `with` that is called last is outermost and runs first. Put guards inside of everything that has to see refusals too: CORS, security headers,
//! logging, compression.
//!
//! ```
//! # use fauth_testing::TestUser;
//! # use fauth_poem::{CurrentUser, SecureRoute};
//! # use poem::{EndpointExt, Route, get, handler, middleware::{Cors, SetHeader}};
//! # #[handler]
//! # async fn dashboard(_: CurrentUser<TestUser>) {}
//! # let auth = fauth_testing::provider().build().unwrap();
//! let app = Route::new()
//!     .nest("/internal", SecureRoute::new(&auth).at("/dashboard", get(dashboard)))
//!     .with(SetHeader::new().overriding("x-content-type-options", "nosniff"))
//!     .with(Cors::new().allow_origin("https://app.example"))
//!     .data(auth);
//! ```
//!
//! - A preflight has no credentials: inside a guard, `Cors` would never see it. And no script can read a 401 without CORS headers.
//! - `.data(auth)` on the application is where extractors find the provider, and what they find there decides who [`CurrentUser`] is. Only where there is none
//!   they take that of the guard around them.
//! - Refusals of guards are responses, not errors: their form is the matter of a
//!   [`Renderer`](fauth_core::rejection::Renderer) and not of `catch_error`. Errors of handlers,
//!   refusals of extractors, and poem's own 404 and 405 stay errors.
//! - A [`Refused`] that a handler returns is an error up to the next guard (or
//!   [`render_refusals`]), which makes its response of it.
//! - Guards judge the path that was received. A middleware that rewrites the URI changes which handler answers, not what the guards see.
//!
//! # Tests without a server
//! Requests of poem's `TestClient` work with everything here, ready-made endpoints with an id in
//! their path included. They do not know the path that was asked for, only what nested routes leave
//! of it: that is what guards judge and events show there. `TestClient` of `fauth-testing` (feature
//! `poem`) sends whole paths.
//!
//! # What differs from other frameworks
//! - poem passes a group only paths whose rest is UTF-8. Anything else below a nested route it answers itself, before the guard, with 400 and a text.
//! - An endpoint within `get(..)` gets HEAD requests as GET, and so does a guard on it; poem drops the body afterwards.
//! - poem's server closes connections that are silent for as long as `Server::idle_timeout` says,
//!   which is unlimited by default; the ready-made endpoints wait ten seconds for a body
//!   (`body_timeout` of the provider).
//! - A `WebSocket` comes over HTTP/1.1 only: poem's server does not offer the extended CONNECT of
//!   HTTP/2 (RFC 8441), so browsers open a connection of HTTP/1.1 for it. Every CONNECT is
//!   refused by a guard with 405.
//! - Extractors cannot change the request: outside guards, two of them in one handler verify and load twice, and [`Token`] works behind guards only.

mod audit;
mod extract;
mod guard;
mod head;
mod limit;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod prelude;
mod protect;
mod respond;
mod router;
mod routes;
#[cfg(feature = "websocket")]
mod socket;
#[cfg(feature = "swagger-ui")]
mod swagger_ui;

pub use audit::{AuditedEndpoint, AuditedRoute};
pub use extract::{CsrfToken, CurrentSession, CurrentUser, Grant, MaybeUser, Token, Visitor};
pub use fauth_core;
pub use fauth_core::assert_all_guarded;
pub use guard::{
    RenderRefusals, Rendering, Require, RequireMiddleware, guests_only, render_refusals, require,
    require_active_user, require_any_role, require_permission, require_permissions, require_role,
    require_roles, require_scope, require_scopes, require_user, visitor,
};
pub use head::Head;
pub use limit::{LimitMiddleware, Limiting, limit};
pub use protect::{Protect, Protected, protect};
pub use respond::{Refused, respond};
pub use router::SecureRoute;
pub use routes::{AuthRoutes, auth_routes};
#[cfg(feature = "websocket")]
pub use socket::{run_until_ended, until_ended};
#[cfg(feature = "swagger-ui")]
pub use swagger_ui::swagger_ui;
