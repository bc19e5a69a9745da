//! The errors of hashing, verifying and checking passwords.

use std::time::Duration;

/// The reason why a [`PasswordHasher`](super::PasswordHasher) has no outcome.
///
/// It contains neither a password nor a hash.
///
/// # Security
///
/// None of these means "wrong password". Answer such a request with 503, for known and unknown
/// users alike. The exception is [`Unacceptable`](Self::Unacceptable), which concerns only a
/// password that is being set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Every slot is taken, and the queue is full or the wait limit has passed. Answer 503 with
    /// `Retry-After`.
    #[error("too many passwords are being hashed")]
    Busy {
        /// When to try again: the configured queue wait, rounded up to whole seconds, at least one.
        retry_after: Duration,
    },
    /// The new password is not accepted. Returned only by [`hash`](super::PasswordHasher::hash) and
    /// by a [policy](super::PasswordPolicy::check).
    #[error("the password is not accepted")]
    Unacceptable(#[source] UnacceptablePassword),
    /// The [breach check](super::BreachCheck) of the new password failed, and the
    /// [policy](super::PasswordPolicy::when_unchecked) refuses unchecked passwords. Answer 503.
    #[error("the password could not be checked for breaches")]
    Unchecked,
    /// Hashing failed: no memory, no randomness, no Tokio runtime, or the runtime is shutting down.
    #[error("password hashing failed")]
    Failed,
}

/// The reason why a new password is not accepted. Its text may be shown to the user.
///
/// The first three are refused whatever the policy says, the others by a
/// [`PasswordPolicy`](super::PasswordPolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnacceptablePassword {
    /// It has no characters.
    #[error("the password is empty")]
    Empty,
    /// It contains U+0000. bcrypt repeats its key up to that character, so `ab` and `ab\0ab` would
    /// be the same.
    #[error("the password contains a NUL character")]
    ContainsNul,
    /// It is longer than the configured maximum, or than the scheme accepts.
    #[error("the password is longer than {limit} bytes")]
    TooLong {
        /// The maximum length, in bytes of UTF-8.
        limit: usize,
    },
    /// It has too few characters.
    #[error("the password has fewer than {minimum} characters")]
    TooShort {
        /// The minimum number of characters (code points).
        minimum: usize,
    },
    /// It repeats a short text, or is a sequence such as `123456789` or `qwertyuiop`.
    #[error("the password is a repetition or a sequence of characters or keys")]
    Repetitive,
    /// It contains little besides a name of the user or of the application.
    #[error("the password contains little besides a name of the user or of the service")]
    ContextWord,
    /// It is in the list of common passwords, possibly with digits and signs around it.
    #[error("the password is too common")]
    Common,
    /// The breach check has found it among leaked passwords.
    #[error("the password has appeared in a data breach")]
    Breached,
}
