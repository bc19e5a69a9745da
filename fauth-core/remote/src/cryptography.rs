//! The cryptography provider of TLS. It is chosen here and not taken from the process-wide default
//! of rustls, which panics if an application has compiled two.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::error::HttpFetchError;

/// The provider of the enabled feature; with both enabled, aws-lc-rs.
pub(crate) fn provider() -> Result<Arc<CryptoProvider>, HttpFetchError> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = Some(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let provider = Some(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    let provider = None;
    provider.map(Arc::new).ok_or(HttpFetchError::NoCryptography)
}
