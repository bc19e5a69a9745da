//! Why no token is issued.

use super::{purpose::Purpose, signer_error::SignerError};
use crate::clock::ClockError;

/// Why a token cannot be issued.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject is empty or longer than 255 bytes.
    #[error("the subject must have 1 to 255 bytes")]
    InvalidSubject,
    /// A scope is empty or holds a character that RFC 6749 section 3.3 does not allow.
    #[error("a scope is empty or holds a character that scopes cannot have")]
    InvalidScope,
    /// A custom claim has the name of a claim that fauth writes itself.
    #[error("the claim `{0}` is reserved")]
    ReservedClaim(Box<str>),
    /// A custom claim cannot be written as JSON, for example because a map in it has keys that are
    /// no strings.
    #[error("the claim `{0}` cannot be written as JSON")]
    UnserializableClaim(Box<str>),
    /// The custom claims nest deeper than 32 levels or have more than 512 members: no verifier
    /// would read them.
    #[error("the custom claims are nested too deeply or too many")]
    ClaimsTooComplex,
    /// The token would be longer than what is accepted.
    #[error("the token would be longer than the configured maximum")]
    TooLong,
    /// Tokens of this purpose work once, which [`issue`](crate::AuthProvider::issue) cannot see to.
    #[error("a {0} token must work once: issue it with `issue_one_time` and accept it with `redeem`")]
    OneTime(Purpose),
    /// Tokens of browser sessions belong to a login and to its cookie.
    #[error("a session token is made by a login only: `login_reply`, with a `SessionCookie`")]
    Session,
    /// The provider has no key of its own: it accepts the tokens of
    /// [trusted issuers](crate::AuthProviderBuilder::trusted_issuer).
    #[error(
        "the provider issues no tokens: it was built without a secret, and accepts those of other issuers"
    )]
    NoOwnTokens,
    /// The token would be issued as of a time that is still to come; see
    /// [`danger_issue_at`](crate::AuthProvider::danger_issue_at).
    #[error("`issued_at` is after the time of the provider's clock: a token cannot be issued ahead")]
    InFuture,
    /// The time is unknown.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    NoRandomness,
    /// The key signs elsewhere, and there is no signature. Answered with 503.
    #[error(transparent)]
    Signer(#[from] SignerError),
}
