//! Tokens: what they carry, how they are signed, and the one place that accepts them.

mod algorithm;
mod base64url;
mod claims;
mod header;
pub(crate) mod ids;
pub(crate) mod issue;
mod json;
mod json_object;
mod keys;
mod limits;
mod mac;
mod origin;
pub(crate) mod payload;
mod profile;
pub(crate) mod purpose;
mod verify;
mod weak_secrets;

pub use algorithm::Algorithm;
pub(crate) use claims::{is_reserved, is_scope};
pub(crate) use ids::RefreshId;
pub(crate) use ids::SessionId;
pub use issue::{IssueError, IssuedToken};
pub(crate) use issue::{Issuer, RefreshBinding, random_bytes};
pub(crate) use issue::{TokenPair, TokenRequest};
pub(crate) use keys::KeyRing;
pub use keys::{Key, KeyError};
pub(crate) use limits::DEFAULT_MAX_TOKEN_BYTES;
pub(crate) use origin::Origin;
pub use payload::ClaimError;
pub(crate) use payload::TokenPayload;
pub use profile::TokenProfile;
pub(crate) use purpose::PerPurpose;
pub(crate) use purpose::{OneTimePurpose, Purpose};
pub(crate) use verify::{Expectations, Verifier};
pub use verify::{TokenError, verify_jws};
