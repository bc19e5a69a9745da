//! What a login has issued, before it is delivered.

use std::time::Duration;

use crate::token::{CsrfValue, IssuedToken, Purpose, TokenPair};

/// What a login gives.
pub(super) enum Issued {
    Pair(TokenPair),
    Session(SessionToken),
}

/// The token of a browser session, and how the cookie with it is kept.
pub(super) struct SessionToken {
    pub(super) token: IssuedToken,
    pub(super) lifetime: Duration,
    pub(super) remembered: bool,
    /// What is said of the scopes, if that is worth saying.
    pub(super) scope: Option<String>,
    /// The transport that sets the cookie.
    pub(super) place: usize,
    /// Only where there are CSRF tokens.
    pub(super) csrf: Option<CsrfValue>,
}

impl Issued {
    /// As they are, but with the scopes named if the client has asked for some: it must hear which
    /// it got (RFC 6749 section 5.1).
    pub(super) fn naming_scopes(mut self, is_asked: bool) -> Self {
        let scope = match &mut self {
            Self::Pair(pair) => &mut pair.scope,
            Self::Session(session) => &mut session.scope,
        };
        if is_asked && scope.is_none() {
            *scope = Some(String::new());
        }
        self
    }

    /// The token that opens routes, and its purpose.
    pub(super) const fn opening(&self) -> (&IssuedToken, Purpose) {
        match self {
            Self::Pair(pair) => (pair.access_token(), Purpose::Access),
            Self::Session(session) => (&session.token, Purpose::Session),
        }
    }
}
