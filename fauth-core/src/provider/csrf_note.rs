//! What the head of a request says of its CSRF token, on its way to where the user is known.

use crate::rejection::CsrfFault;

/// What is known of the CSRF token of a request before its user is.
pub(crate) struct CsrfNote {
    pub(super) standing: Standing,
    /// The transport beside whose cookie the one of the token is set, if the request lacks a good
    /// one.
    pub(super) lacks_cookie: Option<usize>,
}

/// Whether the request has proved what it must.
pub(super) enum Standing {
    NotAsked,
    Proven,
    Refused(CsrfFault),
    /// Only the body can tell.
    InForm,
}
