//! Why an authority is over.

use std::fmt;

/// Why the authority of a grant is over; the output of [`Ended`](super::Ended).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The token has expired, by the rules and the clock that apply to requests.
    Expired,
    /// The token, its session, its subject, or everything issued to the subject so far was revoked.
    /// For a mandate: one of its anchors was revoked, or the delegation epoch of its zone was
    /// raised.
    Revoked,
    /// The session has ended according to the session store. Only where there is no revocation
    /// store.
    SessionEnded,
    /// The loader does not find the user any more.
    UserGone,
    /// The user is not [active](crate::AuthUser::is_active) any more.
    UserInactive,
    /// Whether the authority still holds could not be determined for too long, because a store, a
    /// loader or the clock kept failing (see
    /// [`ended_unknown_after`](crate::AuthProviderBuilder::ended_unknown_after)), or because the
    /// revocation store has lost its memory.
    Unknown,
    /// The provider that has granted it was dropped, or replaced in its switch, so nothing watches
    /// it any more.
    ProviderGone,
}

impl EndReason {
    /// Returns a short text for the client, such as the reason of a close frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "token expired",
            Self::Revoked => "token revoked",
            Self::SessionEnded => "session ended",
            Self::UserGone => "user unknown",
            Self::UserInactive => "user inactive",
            Self::Unknown => "authority unknown",
            Self::ProviderGone => "service changed",
        }
    }

    /// Returns the code for closing a WebSocket: 1008, policy violation ([RFC 6455 section
    /// 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        1008
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
