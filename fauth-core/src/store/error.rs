//! Why a store did not answer.

use std::fmt;

use crate::error::BoxError;

/// A store that could not answer. The request is refused with 503, never with 401, 403 or a pass.
#[derive(thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] BoxError);

impl StoreError {
    /// Wraps the cause. It goes to the log, with its sources, and nowhere else: leave secrets out
    /// of it.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError").field(&self.0).finish()
    }
}
