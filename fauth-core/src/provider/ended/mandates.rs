//! Revocation of mandates on open connections: by their anchors, and by the delegation epoch of
//! their zone.

use crate::{
    ended::{EndReason, Finding},
    mandate::anchors,
    provider::AuthProvider,
    rejection::{InvalidToken, Rejection},
    token::TokenPayload,
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Calls `each` with every name by which a mandate can be revoked, as stores report it.
    pub(super) fn each_anchor(&self, payload: &TokenPayload, mut each: impl FnMut(&[u8])) {
        let (Some(_), Some(mandate)) = (&self.inner.mandates, payload.mandate()) else { return };
        let anchors = anchors(payload, mandate);
        for name in anchors.into_iter().chain([mandate.zone()]).filter(|name| !name.is_empty()) {
            each(name.as_bytes());
        }
    }

    /// Returns `Good` for providers without mandates.
    pub(super) async fn ask_for_mandate(&self, payload: &TokenPayload) -> Finding {
        let Some(mandates) = &self.inner.mandates else { return Finding::Good };
        match self.refuse_ended_mandate(mandates, payload).await {
            Ok(()) => Finding::Good,
            Err(Rejection::InvalidToken(InvalidToken::MandateRevoked | InvalidToken::DelegationStale)) => {
                Finding::Over(EndReason::Revoked)
            }
            Err(_) => Finding::Failed,
        }
    }

    /// Reports revoked anchors to the open connections of this provider, whatever the store
    /// reports.
    pub(in crate::provider) fn tell_open_mandates(&self, names: &[&str]) {
        self.inner.open.tell(|changes| {
            for name in names {
                changes.tell(name.as_bytes());
            }
        });
    }
}
