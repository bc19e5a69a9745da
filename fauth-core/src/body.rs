//! Reasons for a missing body.

/// Why an adapter could not read the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than the limit: [`MAX_BODY_BYTES`](crate::routes::MAX_BODY_BYTES) at the
    /// ready-made endpoints, or the limit of the guard.
    TooLarge,
    /// The connection broke off.
    Incomplete,
    /// It did not arrive in time; see [`Mount::await_body`](crate::mounts::Mount::await_body).
    TooSlow,
}
