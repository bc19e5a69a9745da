//! Keys that sign elsewhere: in a key management service (KMS) or a hardware module (HSM).

use std::time::Duration;

use async_trait::async_trait;

use super::{
    elsewhere::{Elsewhere, Signs},
    key_error::KeyError,
    keys::Key,
};
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
    /// The public half, with the one algorithm that the signer uses and the id that tokens name.
    /// Asked once, when the [`Key`] is made.
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

impl Key {
    /// A key whose private half somebody else has, such as a key management service.
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
