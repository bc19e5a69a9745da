//! Did the application's own pages send this request? Asked only when a cookie, which browsers
//! attach unasked, is the credential.
//!
//! `origin` is the rule that always holds: the browser says which page has sent the request.
//! `token` is the value that only a page of the session can know, for clients that say nothing of
//! their origin and as a second proof; `config` its settings, `cookie` how scripts get it, and
//! `page` what handlers show of it.

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
