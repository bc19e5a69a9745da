//! Why an authority is over.

use std::fmt;

/// Why the authority of a grant is over; what an [`Ended`](super::Ended) completes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The token has expired, by the rule and the clock that requests are judged by.
    Expired,
    /// It was taken back: the token, its session, its subject, or everything that was issued to the
    /// subject so far. Of a mandate: one of its anchors, or the delegation epoch of its zone has
    /// risen.
    Revoked,
    /// The session store says that the session has ended. Asked where no revocation store knows.
    SessionEnded,
    /// The loader does not find the user any more.
    UserGone,
    /// The user is not [active](crate::AuthUser::is_active) any more.
    UserInactive,
    /// Whether it still holds could not be found out for too long: a store, a loader or the clock
    /// has failed again and again (see
    /// [`ended_unknown_after`](crate::AuthProviderBuilder::ended_unknown_after)), or the revocation
    /// store has lost its memory.
    Unknown,
    /// The provider that has granted it is gone, so that nobody looks any more, or a switch was
    /// given another one.
    ProviderGone,
}

impl EndReason {
    /// A short text for the peer, such as the reason of a close frame.
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

    /// The code to close a WebSocket with: 1008, policy violation ([RFC 6455 section
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
