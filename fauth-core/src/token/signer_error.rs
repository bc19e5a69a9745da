//! Why there is no signature of a key that is elsewhere.

use std::{sync::Arc, time::Duration};

/// Why a [`Signer`](super::Signer) has given no signature.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// It has failed.
    #[error("the signer has failed: {0}")]
    Failed(Arc<dyn std::error::Error + Send + Sync>),
    /// It has not answered in time.
    #[error("the signer has not answered within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// What it returned is not a signature of its public key.
    #[error("the signer has returned {length} bytes that its public key does not verify")]
    WrongSignature {
        /// How many bytes it returned.
        length: usize,
    },
}
