//! Asking whoever has a private key for a signature, and waiting no longer than agreed.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::signer_error::SignerError;
use crate::error::BoxError;

/// What is left of a signer once its public key is known.
#[async_trait]
pub(super) trait Signs: Send + Sync + 'static {
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError>;

    fn timeout(&self) -> Duration;
}

/// A signer, shared.
#[derive(Clone)]
pub(super) struct Elsewhere(Arc<dyn Signs>);

impl Elsewhere {
    pub(super) fn new(signs: impl Signs) -> Self {
        Self(Arc::new(signs))
    }

    /// A signature that nobody has looked at yet.
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
