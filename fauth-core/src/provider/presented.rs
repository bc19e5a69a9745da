//! What a request presents, on its way from the transports to the decision.

use std::{fmt, sync::Arc};

#[cfg(feature = "trusted-issuers")]
use zeroize::Zeroizing;

#[cfg(feature = "mandates")]
use super::seen::Seen;
use super::{csrf_note::CsrfNote, granted::Granted, way::Way};
#[cfg(feature = "trusted-issuers")]
use crate::trusted_issuer::Trusted;
use crate::{
    api_key::PresentedKey,
    rejection::Rejection,
    token::{Purpose, TokenPayload},
    transport::UnverifiedToken,
};

/// What a request presents to prove who sends it; made by
/// [`AuthProvider::read`](crate::AuthProvider::read).
///
/// It owns everything it holds, so that no borrow of the request has to live across an `.await`.
/// The token itself is not among that: it is verified where it stands.
#[must_use = "a credential that was read has to be checked"]
pub struct Presented<U> {
    /// Who has read it, and therefore whose keys were asked. Nobody else may go on with it.
    pub(crate) provider: u64,
    pub(crate) outcome: Result<Found<U>, Rejection>,
    /// How the credential came that was found, be it good or bad.
    pub(crate) way: Way,
}

/// What was found in a request.
pub(crate) enum Found<U> {
    Nothing,
    /// A good token, of whose user nothing is known yet.
    Token(Verified),
    /// Something that has the form of an API key, of which nothing is known yet.
    ApiKey(Box<PresentedKey>),
    /// A token of another issuer whose keys have to be fetched.
    #[cfg(feature = "trusted-issuers")]
    Pending(Box<Pending>),
    /// A guard of the same provider has let this request in before.
    Granted(Granted<U>),
}

impl<U> Presented<U> {
    /// Does the request present nothing at all, neither good nor bad?
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.outcome, Ok(Found::Nothing))
    }
}

impl<U> fmt::Debug for Presented<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.outcome {
            Ok(Found::Nothing) => "Presented(nothing)",
            Ok(Found::Token(_)) => "Presented(a token)",
            Ok(Found::ApiKey(_)) => "Presented(an API key)",
            #[cfg(feature = "trusted-issuers")]
            Ok(Found::Pending(_)) => "Presented(a token of another issuer)",
            Ok(Found::Granted(_)) => "Presented(an earlier grant)",
            Err(_) => "Presented(a refused credential)",
        })
    }
}

/// The token of a trusted issuer, of which nothing is known yet.
#[cfg(feature = "trusted-issuers")]
pub(crate) struct Pending {
    pub(super) token: Zeroizing<Box<[u8]>>,
    pub(super) issuer: PendingIssuer,
    pub(super) way: Way,
    #[cfg(feature = "mandates")]
    pub(super) seen: Option<Arc<Seen>>,
}

/// Whose token it seems to be.
#[cfg(feature = "trusted-issuers")]
pub(super) enum PendingIssuer {
    /// One whose keys have to be fetched.
    Known(Arc<Trusted>),
    /// One that may be that of a tenant.
    Named(Box<str>),
}

/// A token and what follows from where it was found.
pub(crate) struct Credential<'a> {
    pub(crate) token: UnverifiedToken<'a>,
    pub(crate) way: Way,
    /// What it is verified for.
    pub(crate) purpose: Purpose,
    pub(crate) keys: Keys,
    /// Must the request bring a CSRF token?
    pub(crate) asks_token: bool,
}

/// May what was found in a place be an API key?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Browsers attach it unasked, or it stands in the URL.
    Never,
    /// A key or a token.
    Too,
    /// A key, no token.
    Only,
}

/// What a credential says, once its token is verified.
pub(crate) struct Verified {
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) way: Way,
    /// What the head says of its CSRF token, if that matters.
    pub(crate) csrf: Option<Box<CsrfNote>>,
    /// Only if somebody reads it.
    #[cfg(feature = "mandates")]
    pub(super) seen: Option<Arc<Seen>>,
}
