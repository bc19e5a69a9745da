//! The service in parts, so that tests can use them: the routes, the users, and the place where
//! logins are kept. `main.rs` starts it.
#![expect(missing_debug_implementations, reason = "a user holds a password hash, which no log needs")]

pub mod app;
#[cfg(feature = "openapi")]
pub mod openapi;
mod stores;
mod users;

#[cfg(not(feature = "openapi"))]
pub use app::routes;
#[cfg(feature = "openapi")]
pub use openapi::routes;
pub use stores::keep;
pub use users::{User, Users};
