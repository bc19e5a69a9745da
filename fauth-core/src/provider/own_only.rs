//! Operations on own logins, which refuse the tokens of other issuers.

use crate::{rejection::Rejection, requirement::Missing, token::TokenPayload};

/// The rejection of a token of another issuer.
pub(super) const fn foreign_token() -> Rejection {
    Rejection::Forbidden(Missing::ForeignTokenNotAllowed)
}

/// Refuses a token of another issuer: its subject is not the application's own subject of that
/// name.
pub(super) fn refuse_foreign(payload: &TokenPayload) -> Result<(), Rejection> {
    if payload.is_foreign() { Err(foreign_token()) } else { Ok(()) }
}
