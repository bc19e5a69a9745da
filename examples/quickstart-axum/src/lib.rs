//! The service in parts, so that tests can use them: the routes, the users, and the place where
//! logins are kept. `main.rs` starts it.
#![expect(missing_debug_implementations, reason = "a user holds a password hash, which no log needs")]

mod app;
mod stores;
mod users;

pub use app::routes;
pub use stores::keep;
pub use users::{User, Users};
