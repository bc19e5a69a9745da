#![cfg_attr(docsrs, feature(doc_cfg))]
// The names that the front page links, before the addresses that they have elsewhere: the first definition counts.
#![doc = include_str!("links.md")]
#![cfg_attr(feature = "websocket", doc = "[`until_ended`]: fn@crate::until_ended")]
#![cfg_attr(feature = "utoipa", doc = "[`openapi`]: mod@crate::openapi")]
#![cfg_attr(feature = "swagger-ui", doc = "[`swagger_ui`]: fn@crate::swagger_ui")]
#![doc = include_str!("../README.md")]

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

pub use audit::{AuditedRouter, AuditedRoutes, AuditedService};
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
pub use router::{SecureRouter, UseNestServiceInstead};
pub use routes::{AuthRoutes, auth_routes};
#[cfg(feature = "websocket")]
pub use socket::{run_until_ended, until_ended};
#[cfg(feature = "swagger-ui")]
pub use swagger_ui::swagger_ui;
