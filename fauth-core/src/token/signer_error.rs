//! Why an external signer returned no signature.

use std::{sync::Arc, time::Duration};

/// Why a [`Signer`](super::Signer) returned no usable signature.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The signer returned an error.
    #[error("the signer failed: {0}")]
    Failed(Arc<dyn std::error::Error + Send + Sync>),
    /// The signer did not answer in time.
    #[error("the signer did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The signer returned something that its public key does not verify.
    #[error("the signer returned a signature of {length} bytes that its public key does not verify")]
    WrongSignature {
        /// The number of bytes that it returned.
        length: usize,
    },
}
