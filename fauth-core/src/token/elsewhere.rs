//! Asks an external signer for a signature, with a timeout.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::signer_error::SignerError;
use crate::error::BoxError;

/// A [`Signer`](super::Signer) once its public key is known.
#[async_trait]
pub(super) trait Signs: Send + Sync + 'static {
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError>;

    fn timeout(&self) -> Duration;
}

/// A shared signer.
#[derive(Clone)]
pub(super) struct Elsewhere(Arc<dyn Signs>);

impl Elsewhere {
    pub(super) fn new(signs: impl Signs) -> Self {
        Self(Arc::new(signs))
    }

    /// Returns a signature that is not verified yet.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let timeout = self.0.timeout();
        match tokio::time::timeout(timeout, self.0.sign(message)).await {
            Ok(Ok(signature)) => Ok(signature),
            Ok(Err(error)) => Err(SignerError::Failed(error.into())),
            Err(_) => Err(SignerError::TimedOut(timeout)),
        }
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}
