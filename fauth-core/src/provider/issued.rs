//! The tokens of a login, before they are delivered.

use std::time::Duration;

use crate::token::{CsrfValue, IssuedToken, Purpose, TokenPair};

/// The tokens that a login issues.
pub(super) enum Issued {
    Pair(TokenPair),
    Session(SessionToken),
}

/// The token of a browser session, and how its cookie is kept.
pub(super) struct SessionToken {
    pub(super) token: IssuedToken,
    pub(super) lifetime: Duration,
    pub(super) remembered: bool,
    /// The scopes to report, if that is needed.
    pub(super) scope: Option<String>,
    /// The transport that sets the cookie.
    pub(super) place: usize,
    /// Only if there are CSRF tokens.
    pub(super) csrf: Option<CsrfValue>,
}

impl Issued {
    /// Reports the scopes if the client has asked for some, because it must learn which it got (RFC
    /// 6749 section 5.1).
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

    /// The token for guarded routes, and its purpose.
    pub(super) const fn opening(&self) -> (&IssuedToken, Purpose) {
        match self {
            Self::Pair(pair) => (pair.access_token(), Purpose::Access),
            Self::Session(session) => (&session.token, Purpose::Session),
        }
    }
}
