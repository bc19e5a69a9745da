//! Issuers that are not known when the provider is built: those of tenants.

use async_trait::async_trait;

use super::TrustedIssuer;
use crate::error::BoxError;

/// Says which issuers are trusted, while the application runs: for services whose tenants bring
/// their own, which are added and removed at any time.
///
/// It is asked for the `iss` of a token that is of no issuer named with
/// [`trusted_issuer`](crate::AuthProviderBuilder::trusted_issuer), and only if that is an `https`
/// URL (or `http` of this machine) of at most 512 bytes that [`may_be`](Self::may_be) one of a
/// tenant. Tokens that nobody could accept (expired, of an algorithm with a secret, of another
/// `typ`) are refused without asking. Answers are kept:
///
/// | answer | how long | how many |
/// |---|---|---|
/// | an issuer | 5 minutes | as many as the capacity says; of some that are looked at, the one that was used longest ago makes room |
/// | none | 30 seconds | 1 024, in a table of their own, of which one makes room: made-up issuers push no tenant out |
///
/// So a tenant that is removed stays trusted for up to 5 minutes, unless
/// [`forget_issuer`](crate::AuthProvider::forget_issuer) says otherwise.
///
/// One question about an issuer is asked at a time, whoever waits for it; 32 about unknown issuers,
/// and as many about tenants whose answer has grown old, at the same time. Where these are taken,
/// requests wait, and are refused with 503 after
/// [`loader_timeout`](crate::AuthProviderBuilder::loader_timeout).
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
/// Clones of one [`JwksSource`](crate::remote::JwksSource) share their keys: keep the issuers that
/// were made, and return clones, or keys are fetched anew every 5 minutes.
///
/// # Security
/// The text comes from a token of which nothing is known. Look it up as a whole among the issuers
/// of your tenants; make nothing of it, above all no URL to fetch keys from: whoever sends a token
/// would choose whom to trust.
///
/// An issuer URL that a customer enters is input as well: this service fetches keys from it, from
/// inside your network. Check its host when the customer enters it: none of your own, no address of
/// a private network, and none of the cloud's metadata service. Where
/// the `http` of this machine is meant, the tenant's issuer says
/// [`danger_allow_http`](TrustedIssuer::danger_allow_http).
#[async_trait]
pub trait IssuerResolver: Send + Sync + 'static {
    /// The issuer of this name, `None` if it is none of the tenants'.
    ///
    /// Its name must be the one asked for. Its tokens may last up to 24 hours.
    ///
    /// # Errors
    /// Whatever keeps the resolver from knowing. The request is then refused with 503, and the
    /// error is logged.
    async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError>;

    /// Can this be the issuer of a tenant? Asked before [`resolve`](Self::resolve), on the thread
    /// of the request: look at the text alone, and wait for nothing. Default: everything can.
    ///
    /// # Security
    /// Anybody can send tokens of made-up issuers, and each of them is a question to `resolve`.
    /// Where the names have a prefix or a suffix in common, such as
    /// `https://login.example.com/realms/`, a check of it keeps strangers' names away, so that
    /// nobody waits behind them. A prefix that is a whole host ends with `/`, and a suffix that is
    /// one begins with `.`.
    fn may_be(&self, issuer: &str) -> bool {
        let _ = issuer;
        true
    }
}
