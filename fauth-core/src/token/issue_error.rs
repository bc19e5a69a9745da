//! Why a token cannot be issued.

use super::{purpose::Purpose, signer_error::SignerError};
use crate::clock::ClockError;

/// Why a token cannot be issued.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject is empty or longer than 255 bytes.
    #[error("the subject must have 1 to 255 bytes")]
    InvalidSubject,
    /// A scope is empty or has a character that RFC 6749 section 3.3 does not allow.
    #[error("a scope is empty or has an invalid character")]
    InvalidScope,
    /// A custom claim has a name that fauth reserves.
    #[error("the claim `{0}` is reserved")]
    ReservedClaim(Box<str>),
    /// A custom claim cannot be serialised as JSON, for example a map whose keys are not strings.
    #[error("the claim `{0}` cannot be written as JSON")]
    UnserializableClaim(Box<str>),
    /// The custom claims nest deeper than 32 levels or have more than 512 members. No verifier
    /// would accept the token.
    #[error("the custom claims are too many or nested too deeply")]
    ClaimsTooComplex,
    /// The token would be longer than the configured maximum, and so would not be accepted.
    #[error("the token would be longer than the configured maximum")]
    TooLong,
    /// Tokens of this purpose work once, which [`issue`](crate::AuthProvider::issue) cannot ensure.
    #[error("a {0} token must work once: issue it with `issue_one_time` and accept it with `redeem`")]
    OneTime(Purpose),
    /// Session tokens belong to a login and its cookie.
    #[error("only a login issues session tokens: use `login_reply` with a `SessionCookie`")]
    Session,
    /// The provider has no key: it accepts only the tokens of [trusted
    /// issuers](crate::AuthProviderBuilder::trusted_issuer).
    #[error("the provider issues no tokens: it has no secret, and accepts only the tokens of other issuers")]
    NoOwnTokens,
    /// `issued_at` is in the future; see [`danger_issue_at`](crate::AuthProvider::danger_issue_at).
    #[error("`issued_at` is in the future by the provider's clock")]
    InFuture,
    /// The time is unavailable.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The operating system provides no randomness.
    #[error("the operating system provides no randomness")]
    NoRandomness,
    /// The key signs elsewhere, and the signer failed. Answered with 503.
    #[error(transparent)]
    Signer(#[from] SignerError),
}
