#![cfg_attr(docsrs, feature(doc_cfg))]
// The names that the front page links, before the addresses that they have elsewhere: the first definition counts.
#![doc = include_str!("links.md")]
#![cfg_attr(feature = "utoipa", doc = "[`openapi`]: mod@crate::openapi")]
#![cfg_attr(feature = "swagger-ui", doc = "[`swagger_ui`]: fn@crate::swagger_ui")]
#![doc = include_str!("../README.md")]
//!
//! # Which type does what
//! - Groups of routes: [`SecureScope`], which cannot leak. A single route, resource or scope:
//!   [`require_user`], [`require_role`] and the others, for its `wrap`.
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
//! - A page that shows your OpenAPI document, with a working Authorize button: `swagger_ui`
//!   (feature `swagger-ui`).
//! - A WebSocket that is closed when the authority of its user ends: `until_ended` (feature
//!   `websocket`).
//! - Which routes are open: [`AuditedScope`], which registers what it mounts, and
//!   [`assert_all_guarded!`] in a test.
//! - Endpoints of the application's own: [`Head`] shows the core a request, [`respond`] turns its reply into a response.
//! - With the feature `utoipa`, the module `openapi`: guards, groups and ready-made endpoints in
//!   the `OpenAPI` document of `utoipa-actix-web`.
//!
//! # Errors in handlers
//! A handler returns `Result<_, Refused>`, and `?` turns whatever a provider's method fails with
//! into the same answer that a guard gives: form, challenge, `no-store`. See [`Refused`].
//!
//! # The order of middlewares
//! In actix-web the `wrap` that is called last is outermost and runs first. Put guards inside of everything that has to see refusals too: CORS, security headers,
//! logging, compression.
//!
//! ```
//! # use actix_cors::Cors;
//! # use actix_web::{App, middleware::DefaultHeaders, web::{get, resource}};
//! # use fauth_actix::require_user;
//! # let auth = fauth_testing::provider().build().unwrap();
//! let me = resource("/me").route(get().to(async || "me")).wrap(require_user(&auth));
//! let app = App::new()
//!     .service(me)
//!     .wrap(DefaultHeaders::new().add(("x-content-type-options", "nosniff")))
//!     .wrap(Cors::default().allowed_origin("https://app.example"));
//! ```
//!
//! # What differs from other frameworks
//! - actix-web matches the percent-decoded path: `/%61dmin` is `/admin`, and is guarded like it. Paths that can be read in more than one way (`..`, `//`, an encoded
//!   slash) are refused by every guard with 400.
//! - [`Scope::route`](actix_web::Scope::route) answers a wrong method with 404, a resource with 405. Neither answers HEAD unless told to.
//! - `HttpServer` limits the time for the head of a request (`client_request_timeout`) and that of
//!   a silent connection (`keep_alive`); the ready-made endpoints wait ten seconds for a body
//!   (`body_timeout` of the provider).
//! - A `WebSocket` comes over HTTP/1.1 only: actix-web does not offer the extended CONNECT of
//!   HTTP/2 (RFC 8441), so browsers open a connection of HTTP/1.1 for it. Every CONNECT is
//!   refused by a guard with 405.
//! - The extractors of a handler run side by side, see [`CurrentUser`].

mod audit;
mod extract;
mod guard;
mod head;
mod limit;
#[cfg(feature = "utoipa")]
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

pub use audit::{AuditedScope, AuditedService};
pub use extract::{CsrfToken, CurrentSession, CurrentUser, Grant, MaybeUser, Token, Visitor};
pub use fauth_core;
pub use fauth_core::assert_all_guarded;
pub use guard::{
    RenderRefusals, Rendering, Require, RequireLayer, guests_only, render_refusals, require,
    require_active_user, require_any_role, require_permission, require_permissions, require_role,
    require_roles, require_scope, require_scopes, require_user, visitor,
};
pub use head::Head;
pub use limit::{LimitLayer, Limiting, limit};
pub use protect::{Protect, Protected, protect};
pub use respond::{Refused, respond};
pub use router::{Routes, SecureScope};
pub use routes::{AuthRoutes, auth_routes};
#[cfg(feature = "websocket")]
pub use socket::{run_until_ended, until_ended};
#[cfg(feature = "swagger-ui")]
pub use swagger_ui::swagger_ui;
