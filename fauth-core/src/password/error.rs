//! Why a password was not hashed, or not judged.

use std::time::Duration;

/// The reason why [`PasswordHasher`](super::PasswordHasher) has no answer.
///
/// It holds neither a password nor a hash.
///
/// # Security
///
/// None of these means "wrong password". A request that meets one is refused with 503, for known and unknown users
/// alike, except for [`Unacceptable`](Self::Unacceptable), which only ever concerns a password being set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Every slot is taken, and the queue is full or the wait limit has passed. Answer 503 with `Retry-After`.
    #[error("too many passwords are being hashed")]
    Busy {
        /// When to try again: the configured queue wait in whole seconds, at least one.
        retry_after: Duration,
    },
    /// The new password cannot be hashed as it is. Only [`hash`](super::PasswordHasher::hash) says so.
    #[error("the password cannot be used")]
    Unacceptable(#[source] UnacceptablePassword),
    /// Whether the new password was leaked could not be found out, and the
    /// [policy](super::PasswordPolicy::when_unchecked) wants to know. Answer 503.
    #[error("the password could not be checked")]
    Unchecked,
    /// The hasher broke: no memory, no randomness, no Tokio runtime, or the runtime is shutting down.
    #[error("password hashing failed")]
    Failed,
}

/// What makes a new password unusable. The text may be shown to its user.
///
/// The first three are refused whatever the policy says, the others by a
/// [`PasswordPolicy`](super::PasswordPolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnacceptablePassword {
    /// It has no characters.
    #[error("the password is empty")]
    Empty,
    /// It contains U+0000. bcrypt repeats its key up to that character, so that `ab` and `ab\0ab` would be one.
    #[error("the password contains a NUL character")]
    ContainsNul,
    /// It is longer than the configured maximum, or than the scheme can take in.
    #[error("the password is longer than {limit} bytes")]
    TooLong {
        /// The longest acceptable password, in bytes of UTF-8.
        limit: usize,
    },
    /// It has too few characters.
    #[error("the password has fewer than {minimum} characters")]
    TooShort {
        /// The least number of characters (code points).
        minimum: usize,
    },
    /// It is one short text over and over, or a row such as `123456789` or `qwertyuiop`.
    #[error("the password is a repetition, or a row of characters or keys")]
    Repetitive,
    /// It is little but the name of the user or of the application.
    #[error("the password is little but a name of the user or of the service")]
    ContextWord,
    /// It stands in the list of common passwords, at most with digits and signs around it.
    #[error("the password is a common one")]
    Common,
    /// The breach check knows it.
    #[error("the password has been leaked elsewhere")]
    Breached,
}
