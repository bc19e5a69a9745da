//! Errors while building a client.

use fauth_core::BoxError;

/// Why an [`HttpFetch`](crate::HttpFetch) cannot be built. It occurs at application start and never
/// later.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpFetchError {
    /// The crate was built without a cryptography provider.
    #[error("fauth-remote was built without cryptography: enable its feature `aws-lc-rs` or `ring`")]
    NoCryptography,
    /// An added root certificate cannot be read.
    #[error("root_certificate_pem: {0}; pass one or more PEM blocks `CERTIFICATE`")]
    Certificate(String),
    /// No certificate authority is trusted.
    #[error("only_added_roots: no certificate authority was added; call root_certificate_pem as well")]
    NoRoots,
    /// TLS cannot be set up. The usual reason is that the system has no certificate authorities.
    #[error("TLS cannot be set up; install the certificate authorities of the system (`ca-certificates`)")]
    Tls(#[source] BoxError),
    /// A proxy or a user agent cannot be used.
    #[error("{setting}: cannot be used")]
    Setting {
        /// The setting, as the builder calls it.
        setting: &'static str,
        /// The reason.
        #[source]
        source: BoxError,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] BoxError),
}
