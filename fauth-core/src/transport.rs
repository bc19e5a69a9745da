//! Transports: how a credential is found in a request, and how a response sets and clears it.

mod basic;
mod bearer;
mod cookie;
mod extracted;
mod interface;
mod query;
mod session_cookie;

pub(crate) use basic::{BasicTransport, BearerKeyTransport};
pub use bearer::BearerTransport;
pub use cookie::{CookieTransport, SameSite};
pub(crate) use cookie::{find as find_cookie, possible_name};
pub use extracted::{Extracted, UnverifiedToken};
pub use interface::{Keep, SecurityScheme, SetTokenError, Transport};
pub use query::QueryTransport;
pub use session_cookie::SessionCookie;
