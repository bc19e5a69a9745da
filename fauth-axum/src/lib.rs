#![doc = include_str!("../README.md")]

mod extract;
mod guard;
mod head;
mod respond;
mod router;
mod routes;

pub use extract::{CurrentSession, CurrentUser, Grant, MaybeUser, Token};
pub use fauth_core;
pub use guard::{
    RenderRefusals, Rendering, Require, RequireLayer, render_refusals, require, require_active_user,
    require_any_role, require_permission, require_permissions, require_role, require_roles, require_scope,
    require_scopes, require_user, visitor,
};
pub use head::Head;
pub use respond::{Refused, respond};
pub use router::{SecureRouter, UseNestServiceInstead};
pub use routes::{AuthRoutes, auth_routes};

/// The front page of the project, whose first example is one for axum.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
