//! The service in parts, so that tests can use them: the routes, the pages, the users and the
//! stores. `main.rs` starts it.
#![expect(missing_debug_implementations, reason = "a user holds a password hash, which no log needs")]

pub mod app;
mod desk;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod pages;
pub mod session;
mod stores;
mod users;

pub use desk::{Desk, change, cookie};
#[cfg(feature = "openapi")]
pub use openapi::routes;
pub use stores::keep;
pub use users::{User, Users};

/// Returns all routes of the service. In debug builds, logs which of them are open.
#[cfg(not(feature = "openapi"))]
pub fn routes(auth: &fauth_core::AuthProvider<User>) -> impl poem::Endpoint + use<> {
    poem::IntoEndpoint::into_endpoint(app::routes(auth).log_audit())
}
