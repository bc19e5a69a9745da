//! How a credential has come to the server.

use crate::{demands::Demands, token::Purpose, transport::Transport};

/// How a credential has come, and so what follows for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Sent on purpose, in `Authorization` or outside of a request; or there was none.
    Explicit,
    /// Sent on purpose, in a header of which caches do not know that it names somebody ([RFC 9111
    /// section 3.5](https://www.rfc-editor.org/rfc/rfc9111#section-3.5) is about `Authorization`
    /// only).
    OwnHeader,
    /// Attached by a browser: by the transport with this place in the provider's list.
    Ambient(usize),
    /// In the URL, which others keep.
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

/// Of which purpose a token has to be that an ambient transport has found when asked for this one.
pub(super) fn wanted_of(transport: &dyn Transport, purpose: Purpose) -> Purpose {
    match (purpose, transport.opens_with()) {
        (Purpose::Access, Purpose::Session) => Purpose::Session,
        (purpose, _) => purpose,
    }
}
