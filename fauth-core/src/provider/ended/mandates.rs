//! What takes back a mandate that stays open: its anchors, and the delegation epoch of its zone.

use crate::{
    ended::{EndReason, Finding},
    mandate::anchors,
    provider::AuthProvider,
    rejection::{InvalidToken, Rejection},
    store::ChangeSender,
    token::TokenPayload,
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Each name by which it can be taken back, as stores tell it.
    pub(super) fn each_anchor(&self, payload: &TokenPayload, each: impl FnMut(&[u8])) {
        let (Some(_), Some(mandate)) = (&self.inner.mandates, payload.mandate()) else { return };
        let anchors = anchors(payload, mandate);
        let names = anchors.into_iter().chain([mandate.zone()]).filter(|name| !name.is_empty());
        names.map(str::as_bytes).for_each(each);
    }

    /// Good where there are no mandates.
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

    /// Tells whoever waits for the end of what is open that these were taken back, whatever the
    /// store tells.
    pub(in crate::provider) fn tell_open_mandates(&self, names: &[&str]) {
        let tell = |changes: &ChangeSender| names.iter().for_each(|name| changes.tell(name.as_bytes()));
        self.inner.open.tell(tell);
    }
}
