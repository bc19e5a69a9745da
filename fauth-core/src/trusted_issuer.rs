//! Other issuers whose tokens are accepted, beside the application's own or instead of them.
//!
//! | issuer | start with |
//! |---|---|
//! | Keycloak, Auth0, Entra ID … | a preset, such as [`TrustedIssuer::keycloak`] |
//! | another application of yours that uses fauth | [`TrustedIssuer::new`] with the profile [`Plain`](AccessTokenProfile::Plain) |
//! | any other issuer | [`TrustedIssuer::new`] with the settings that its documentation gives for access tokens |
//! | tenants that are added and removed at run time | an [`IssuerResolver`] |
//!
//! [`AuthProvider::resource_server`](crate::AuthProvider::resource_server) builds a provider that
//! accepts only such tokens;
//! [`AuthProviderBuilder::trusted_issuer`](crate::AuthProviderBuilder::trusted_issuer) adds an
//! issuer to a provider with own tokens. The keys come from a
//! [`JwksSource`](crate::remote::JwksSource), whose HTTP client is in the crate `fauth-remote`.
//! Verification needs the feature `asymmetric` or `asymmetric-pure-rust`.

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
