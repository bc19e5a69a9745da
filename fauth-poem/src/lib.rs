#![doc = include_str!("../README.md")]
//!
//! # Which type does what
//!
//! | | |
//! |---|---|
//! | [`auth_routes`] | `POST /login`, `/refresh` and `/logout`, ready-made |
//! | [`SecureRoute`] | a group of routes behind one guard, without gaps |
//! | [`require_user`], [`require_roles`] … [`require`] | guards for one endpoint, as middlewares for `.with(..)` |
//! | [`CurrentUser`], [`MaybeUser`], [`Token`] | extractors |
//! | [`Head`], [`respond`] | from poem to the core and back, for endpoints of your own over [`fauth_core::Guard`] |
//!
//! # The order of middlewares
//!
//! What comes later in a chain of `.with(..)` is further out, and sees the request first. Inside a guard belongs what only users may reach; outside belongs
//! what has to see refusals too:
//!
//! ```
//! # use fauth_core::testing::{self, TestUser};
//! # use fauth_poem::{CurrentUser, SecureRoute};
//! # use poem::{EndpointExt, Route, get, handler, middleware::{Cors, SetHeader}};
//! # #[handler]
//! # async fn dashboard(_: CurrentUser<TestUser>) {}
//! # let auth = testing::provider().build().unwrap();
//! let app = Route::new()
//!     .nest("/internal", SecureRoute::new(&auth).at("/dashboard", get(dashboard)))
//!     .with(SetHeader::new().overriding("x-content-type-options", "nosniff"))
//!     .with(Cors::new().allow_origin("https://app.example"));
//! ```
//!
//! - `Cors` **outside**: a preflight has no credentials, the guard would refuse it; and without CORS headers on a 401 no script can read it.
//! - `.data(auth)` outside, on the application: extractors without a guard find the provider there. If there is one, it decides what [`CurrentUser`] is, whoever
//!   guards the route.
//! - `catch_error` outside sees errors of handlers and poem's own 404 and 405, but no refusal of a guard: that is a response already. The form of refusals is
//!   the matter of a [`Renderer`](fauth_core::Renderer).
//! - Guards judge the path that was received. A middleware that rewrites the URI of a request changes which handler answers, not what the guard sees.

mod extract;
mod guard;
mod head;
mod respond;
mod router;
mod routes;

pub use extract::{CurrentUser, MaybeUser, Token};
pub use fauth_core;
pub use guard::{
    Require, RequireMiddleware, require, require_active_user, require_any_role, require_permissions,
    require_roles, require_scopes, require_user,
};
pub use head::Head;
pub use respond::{Refused, respond};
pub use router::SecureRoute;
pub use routes::auth_routes;
