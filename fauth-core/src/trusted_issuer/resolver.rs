//! Issuers that are not known when the provider is built: those of tenants.

use async_trait::async_trait;

use super::TrustedIssuer;
use crate::error::BoxError;

/// Decides at run time which issuers are trusted, for services whose tenants have their own
/// issuers.
///
/// The resolver is asked for the `iss` of a token whose issuer was not added with
/// [`trusted_issuer`](crate::AuthProviderBuilder::trusted_issuer), and only if `iss` is an `https`
/// URL (or `http` on a loopback host) of at most 512 bytes for which [`may_be`](Self::may_be)
/// returns true. Tokens that no issuer's settings could make acceptable (expired, an HMAC
/// algorithm, another `typ`) are refused without asking. Answers are cached:
///
/// | answer | for how long | how many |
/// |---|---|---|
/// | an issuer | 5 minutes | the capacity; when it is exceeded, the least recently used of a few examined entries is dropped |
/// | none | 30 seconds | 1024, in a separate table, so that made-up issuers evict no tenant |
///
/// A tenant that is removed therefore stays trusted for up to 5 minutes, unless
/// [`forget_issuer`](crate::AuthProvider::forget_issuer) is called.
///
/// Concurrent requests for one issuer share one call. At most 32 calls for unknown issuers and 32
/// for tenants whose answer has expired run at the same time. Further requests wait, and are
/// refused with 503 after [`loader_timeout`](crate::AuthProviderBuilder::loader_timeout).
///
/// ```
/// use fauth_core::{async_trait, BoxError, trusted_issuer::{IssuerResolver, TrustedIssuer}};
/// # use std::collections::HashMap;
///
/// struct Tenants {
///     issuers: HashMap<String, TrustedIssuer>, // or a database
/// }
///
/// #[async_trait]
/// impl IssuerResolver for Tenants {
///     async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError> {
///         Ok(self.issuers.get(issuer).cloned())
///     }
/// }
/// ```
///
/// Clones of one [`JwksSource`](crate::remote::JwksSource) share their keys. Keep the issuers that
/// you create and return clones; otherwise keys are fetched again every 5 minutes.
///
/// # Security
/// The text comes from an unverified token. Look it up as a whole among the issuers of your
/// tenants. Never build anything from it, above all not a URL to fetch keys from: otherwise the
/// sender of a token chooses whom to trust.
///
/// An issuer URL that a customer enters is untrusted input too, because this service fetches keys
/// from it from inside your network. Check its host when the customer enters it: it must not be one
/// of your own hosts, an address of a private network, or the cloud's metadata service. If `http`
/// on a loopback host is intended, call [`danger_allow_http`](TrustedIssuer::danger_allow_http) on
/// the tenant's issuer.
#[async_trait]
pub trait IssuerResolver: Send + Sync + 'static {
    /// Returns the issuer with this name, or `None` if no tenant has it.
    ///
    /// The name of the returned issuer must equal `issuer`. Its tokens may last up to 24 hours.
    ///
    /// # Errors
    /// Any error that prevents an answer. The request is then refused with 503, and the error is
    /// logged.
    async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError>;

    /// Whether this can be the issuer of a tenant. Called before [`resolve`](Self::resolve),
    /// synchronously within the request: examine the text only, and do not block. Default: `true`.
    ///
    /// # Security
    /// Anyone can send tokens of made-up issuers, and each of them costs a call of `resolve`. If
    /// the names of your tenants' issuers have a common prefix or suffix, such as
    /// `https://login.example.com/realms/`, check it here, so that requests for tenants' tokens
    /// need not wait behind made-up ones. A prefix that ends with a host must end with `/`, and a
    /// suffix of a host must begin with `.`.
    fn may_be(&self, issuer: &str) -> bool {
        let _ = issuer;
        true
    }
}
