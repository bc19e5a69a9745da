//! The CSRF token in the head of a request, until the user is known.

use crate::rejection::CsrfFault;

/// What is known about the CSRF token of a request before its user is loaded.
pub(crate) struct CsrfNote {
    pub(super) standing: Standing,
    /// The transport beside whose cookie the CSRF cookie is set, if the request has no valid one.
    pub(super) lacks_cookie: Option<usize>,
}

/// Whether the request has proved what it must.
pub(super) enum Standing {
    NotAsked,
    Proven,
    Refused(CsrfFault),
    /// The token can only be in the body.
    InForm,
}
