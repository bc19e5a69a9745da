//! Issuers whose tokens are accepted beside or instead of the application's own.
//!
//! | who issues | begin with |
//! |---|---|
//! | Keycloak, Auth0, Entra ID … | a preset, such as [`TrustedIssuer::keycloak`] |
//! | another application of yours, built with fauth | [`TrustedIssuer::new`], with the profile [`Plain`](AccessTokenProfile::Plain) |
//! | anybody else | [`TrustedIssuer::new`], with what the issuer says of its access tokens |
//! | tenants that come and go | an [`IssuerResolver`] |
//!
//! [`AuthProvider::resource_server`](crate::AuthProvider::resource_server) makes a provider that
//! accepts these tokens alone,
//! [`AuthProviderBuilder::trusted_issuer`](crate::AuthProviderBuilder::trusted_issuer) accepts them
//! beside own ones. Their keys come from a [`JwksSource`](crate::remote::JwksSource), whose HTTP
//! client is in the crate `fauth-remote`. To verify anything, a build needs the feature
//! `asymmetric` or `asymmetric-pure-rust`.

mod claim_path;
#[cfg(test)]
mod golden_mandates;
mod issuer;
mod mapping;
mod presets;
mod resolver;
mod table;
mod tenants;
mod trusted;

pub use claim_path::ClaimPath;
pub use issuer::TrustedIssuer;
pub use mapping::ClaimMapping;
pub use presets::entra_tenant;
pub use resolver::IssuerResolver;
pub(crate) use tenants::{Answer, Tenants};
pub(crate) use trusted::{Checked, Trusted};

pub use crate::token::AccessTokenProfile;
