//! CSRF protection: whether the application's own pages sent a request. It applies only if the
//! credential is a cookie, which browsers attach automatically.
//!
//! `origin` is the rule that always applies: the browser names the page that sent the request.
//! `token` is a value that only a page of the session can know, for clients that do not name an
//! origin and as a second proof. `config` has its settings, `cookie` delivers it to scripts, and
//! `page` is what handlers show of it.

mod config;
mod cookie;
mod origin;
mod page;
mod token;

pub use config::CsrfTokens;
pub(crate) use config::{CsrfPolicy, Sent, has_form};
pub(crate) use cookie::CsrfCookie;
pub(crate) use origin::{
    Origin, TrustedOrigins, check_own_request, is_foreign_request, is_safe_method, names_origin,
    was_opened_from_outside,
};
pub use page::CsrfToken;
pub(crate) use token::{Bound, CsrfKeys};
