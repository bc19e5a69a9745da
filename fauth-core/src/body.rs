//! Why there is no body to look at.

/// Why an adapter has no body to hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than what is read: [`MAX_BODY_BYTES`](crate::routes::MAX_BODY_BYTES) by the
    /// ready-made endpoints, or the limit that a guard names.
    TooLarge,
    /// It broke off.
    Incomplete,
    /// It did not arrive in time; see [`Mount::await_body`](crate::mounts::Mount::await_body).
    TooSlow,
}
