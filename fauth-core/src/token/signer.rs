//! Keys that sign elsewhere: in a key management service (KMS) or a hardware security module (HSM).

use std::time::Duration;

use async_trait::async_trait;

use super::{
    elsewhere::{Elsewhere, Signs},
    key_error::KeyError,
    keys::Key,
};
use crate::error::BoxError;

/// The default time to wait for a signature.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Signs with a private key that is not in this process.
///
/// Create a [`Key`] from it with [`Key::from_signer`]. Tokens are verified in this process with the
/// public key, without the signer.
///
/// ```
/// use fauth_core::{BoxError, async_trait, token::{Key, Signer}};
///
/// # struct Client;
/// # impl Client {
/// #     async fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, BoxError> { Ok(vec![]) }
/// # }
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
    /// Returns the public key, with the algorithm that the signer uses and the id (`kid`) for its
    /// tokens. Called once, when the [`Key`] is created.
    fn public_key(&self) -> Key;

    /// Signs the message in the format of JWS ([RFC 7518 section
    /// 3](https://www.rfc-editor.org/rfc/rfc7518#section-3)): for ECDSA, `r` and `s` concatenated,
    /// each with the length of a number of the curve, not DER.
    ///
    /// The result is verified with the public key before the token is issued; a wrong signature is
    /// an error.
    ///
    /// # Errors
    /// Any error that prevents signing. The token is not issued, and a login is answered with 503.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError>;

    /// Returns how long to wait for a signature. Default: 3 seconds. After that the request fails.
    fn timeout(&self) -> Duration {
        DEFAULT_TIMEOUT
    }
}

impl Key {
    /// Creates a key whose private half is elsewhere, such as in a key management service.
    ///
    /// # Errors
    /// [`KeyError::NotPublic`] if the signer's public key is a secret.
    pub fn from_signer(signer: impl Signer) -> Result<Self, KeyError> {
        signer.public_key().signed_elsewhere(Elsewhere::new(Signing(signer)))
    }
}

struct Signing<S>(S);

#[async_trait]
impl<S: Signer> Signs for Signing<S> {
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        self.0.sign(message).await
    }

    fn timeout(&self) -> Duration {
        self.0.timeout()
    }
}
