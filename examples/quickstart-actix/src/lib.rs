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

/// Returns all routes of the service.
#[cfg(not(feature = "openapi"))]
pub fn routes(auth: &fauth_core::AuthProvider<User>, config: &mut actix_web::web::ServiceConfig) {
    config.service(app::routes(auth));
}

/// In debug builds, logs at start which routes are open. It is called here and not in [`routes`],
/// which runs for each worker of the server.
#[cfg(not(feature = "openapi"))]
pub fn log_audit(auth: &fauth_core::AuthProvider<User>) {
    fauth_core::audit::Audited::audit(&app::routes(auth)).log();
}
