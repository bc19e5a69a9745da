//! Issuers whose tokens are accepted beside or instead of the application's own.

mod claim_path;
mod mapping;

pub use claim_path::ClaimPath;
pub use mapping::ClaimMapping;
