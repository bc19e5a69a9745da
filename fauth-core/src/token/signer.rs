//! Keys that sign elsewhere: in a key management service (KMS) or a hardware module (HSM).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{issue_error::IssueError, keys::Key};
use crate::error::BoxError;

/// How long a token waits for its signature unless the signer says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Signs with a private key that this process does not have.
///
/// Make a [`Key`] of it with [`Key::from_signer`]. Tokens are verified with the public key, in this
/// process and without the signer.
///
/// ```
/// use fauth_core::{BoxError, async_trait, token::{Key, Signer}};
///
/// # struct Client;
/// # impl Client { async fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, BoxError> { Ok(vec![]) } }
/// struct Kms { client: Client, public_key: Key }
///
/// #[async_trait]
/// impl Signer for Kms {
///     fn public_key(&self) -> Key {
///         self.public_key.clone()
///     }
///
///     async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
///         self.client.sign("alias/tokens", message).await
///     }
/// }
/// ```
#[async_trait]
pub trait Signer: Send + Sync + 'static {
    /// The public half, with the one algorithm that the signer uses and the id that tokens name. Asked
    /// once, when the [`Key`] is made.
    fn public_key(&self) -> Key;

    /// The signature of the message, as JWS has it ([RFC 7518 section
    /// 3](https://www.rfc-editor.org/rfc/rfc7518#section-3)): for ECDSA `r` and `s` one after the
    /// other, each as long as a number of the curve, and not in DER.
    ///
    /// It is verified with the public key before the token leaves: a wrong one is an error, and no
    /// token.
    ///
    /// # Errors
    /// Whatever keeps it from signing. The token is not issued, and a login answers with 503.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError>;

    /// How long a token waits for its signature. Default: 3 seconds. A longer answer counts as an
    /// error.
    fn timeout(&self) -> Duration {
        DEFAULT_TIMEOUT
    }
}

/// Why a [`Signer`] has given no signature.
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

/// A signer, shared.
#[derive(Clone)]
pub(super) struct Elsewhere(Arc<dyn Signer>);

impl Elsewhere {
    pub(super) fn new(signer: impl Signer) -> Self {
        Self(Arc::new(signer))
    }

    pub(super) fn public_key(&self) -> Key {
        self.0.public_key()
    }

    /// The signature, verified with `key`.
    pub(super) async fn sign(&self, key: &Key, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let timeout = self.0.timeout();
        let signature = match tokio::time::timeout(timeout, self.0.sign(message)).await {
            Ok(Ok(signature)) => signature,
            Ok(Err(error)) => return Err(SignerError::Failed(error.into()).into()),
            Err(_) => return Err(SignerError::TimedOut(timeout).into()),
        };
        if key.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(SignerError::WrongSignature { length: signature.len() }.into())
        }
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}
