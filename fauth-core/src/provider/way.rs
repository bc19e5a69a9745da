//! How a credential was sent to the server.

use crate::{demands::Demands, token::Purpose, transport::Transport};

/// How a credential was sent, which decides what the response must contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// On purpose, in `Authorization` or outside of a request; or there was none.
    Explicit,
    /// On purpose, in a header that caches do not know as a credential ([RFC 9111 section
    /// 3.5](https://www.rfc-editor.org/rfc/rfc9111#section-3.5) names `Authorization` only).
    OwnHeader,
    /// Attached by a browser, for the transport with this place in the provider's list.
    Ambient(usize),
    /// In the URL, which caches, logs and histories keep.
    Url,
}

impl Way {
    pub(crate) const fn is_ambient(self) -> bool {
        matches!(self, Self::Ambient(_))
    }

    pub(crate) const fn demands(self) -> Demands {
        match self {
            Self::Explicit => Demands::of_nothing(),
            Self::OwnHeader => Demands::of_unknown_header(),
            Self::Ambient(_) => Demands::of_cookie(),
            Self::Url => Demands::of_url(),
        }
    }
}

/// The purpose that a token from an ambient transport must have when it is read for this one.
pub(super) fn wanted_of(transport: &dyn Transport, purpose: Purpose) -> Purpose {
    match (purpose, transport.opens_with()) {
        (Purpose::Access, Purpose::Session) => Purpose::Session,
        (purpose, _) => purpose,
    }
}
