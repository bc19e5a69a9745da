//! The credential of a request, on its way from the transports to the decision.

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

/// The credential of a request; created by [`AuthProvider::read`](crate::AuthProvider::read).
///
/// It owns all its data, so no borrow of the request has to live across an `.await`. It does not
/// contain the token itself, which is verified in place.
#[must_use = "a credential that was read has to be checked"]
pub struct Presented<U> {
    /// The provider that has read it, with its own keys. No other provider accepts it.
    pub(crate) provider: u64,
    pub(crate) outcome: Result<Found<U>, Rejection>,
    /// How the credential was sent, whether valid or not.
    pub(crate) way: Way,
}

/// The credential in a request.
pub(crate) enum Found<U> {
    Nothing,
    /// A verified token whose user is not loaded yet.
    Token(Verified),
    /// A credential with the form of an API key, not looked up yet.
    ApiKey(Box<PresentedKey>),
    /// A token of another issuer whose keys must be fetched first.
    #[cfg(feature = "trusted-issuers")]
    Pending(Box<Pending>),
    /// A guard of the same provider has admitted this request already.
    Granted(Granted<U>),
}

impl<U> Presented<U> {
    /// Returns whether the request has no credential at all, neither valid nor invalid.
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

/// A token that names a trusted issuer, not verified yet.
#[cfg(feature = "trusted-issuers")]
pub(crate) struct Pending {
    pub(super) token: Zeroizing<Box<[u8]>>,
    pub(super) issuer: PendingIssuer,
    pub(super) way: Way,
    #[cfg(feature = "mandates")]
    pub(super) seen: Option<Arc<Seen>>,
}

/// The issuer that the token names.
#[cfg(feature = "trusted-issuers")]
pub(super) enum PendingIssuer {
    /// An issuer whose keys must be fetched.
    Known(Arc<Trusted>),
    /// A name that may be that of a tenant's issuer.
    Named(Box<str>),
}

/// A token, and what follows from the place where it was found.
pub(crate) struct Credential<'a> {
    pub(crate) token: UnverifiedToken<'a>,
    pub(crate) way: Way,
    /// The purpose for which it is verified.
    pub(crate) purpose: Purpose,
    pub(crate) keys: Keys,
    /// Must the request have a CSRF token?
    pub(crate) asks_token: bool,
}

/// May a credential in this place be an API key?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// No: browsers attach it on their own, or it is in the URL.
    Never,
    /// It may be a key or a token.
    Too,
    /// Only a key.
    Only,
}

/// A verified token.
pub(crate) struct Verified {
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) way: Way,
    /// The CSRF token of the head, if it matters.
    pub(crate) csrf: Option<Box<CsrfNote>>,
    /// Only if an event sink reads it.
    #[cfg(feature = "mandates")]
    pub(super) seen: Option<Arc<Seen>>,
}
