//! The names that most services need, in one `use`: the user, the provider, guards, extractors and
//! endpoints.
//!
#![cfg_attr(feature = "derive", doc = "```")]
#![cfg_attr(not(feature = "derive"), doc = "```ignore")]
//! use fauth_actix::prelude::*;
//!
//! #[derive(AuthUser)] // feature `derive`
//! struct User {
//!     #[auth(subject)]
//!     id: i64,
//!     #[auth(active)]
//!     active: bool,
//! }
//!
//! fn group(auth: &AuthProvider<User>) -> SecureScope<User> {
//!     SecureScope::new("/admin", auth).require_roles(["admin"])
//! }
//! ```
//!
//! Each name is the same item as under its own path. There is no name among them that actix-web
//! itself offers for a glob, and none that is unsafe.
//!
//! With the feature `derive`, `AuthUser` and `Role` are also the macros. They find the core through
//! this crate, so that an application needs no dependency on `fauth-core`.

#[cfg(feature = "derive")]
pub use fauth_core::derive::macros::{ActixAuthUser as AuthUser, ActixRole as Role};
// The traits without the macros of the core, which would look for `fauth-core` among the
// dependencies.
pub use fauth_core::derive::{AuthUser, Role};
pub use fauth_core::{
    AuthConfig, AuthProvider, IdentityLoader, MemoryStore, Rejection, Requirement, RouteRules, TokenPayload,
    UserLoader, limit::Limit,
};
#[cfg(feature = "mandates")]
pub use fauth_core::{MandateAuth, Principal};

#[cfg(feature = "websocket")]
pub use crate::socket::until_ended;
pub use crate::{
    extract::{CsrfToken, CurrentSession, CurrentUser, Grant, MaybeUser, Token, Visitor},
    guard::{
        guests_only, render_refusals, require, require_active_user, require_any_role, require_permission,
        require_permissions, require_role, require_roles, require_scope, require_scopes, require_user,
        visitor,
    },
    limit::limit,
    protect::protect,
    respond::Refused,
    router::SecureScope,
    routes::{AuthRoutes, auth_routes},
};
