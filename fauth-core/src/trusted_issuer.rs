//! Issuers whose tokens are accepted beside or instead of the application's own.

mod claim_path;
mod issuer;
mod mapping;
mod presets;
mod resolver;
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
