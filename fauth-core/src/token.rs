//! Tokens: what they carry, how they are signed, and the one place that accepts them.

mod api_key;
mod base64url;
mod issue;
mod json;
mod keys;
mod mac;
mod payload;
mod profile;
mod purpose;
mod verify;

pub use issue::{IssueError, IssuedToken, TokenPair, TokenRequest};
pub(crate) use issue::{Issuer, RefreshBinding, is_reserved, is_scope, random_bytes};
pub(crate) use keys::KeyRing;
pub use keys::{Algorithm, Key, KeyError};
pub use payload::{ClaimError, TokenPayload};
pub use profile::TokenProfile;
pub(crate) use purpose::PerPurpose;
pub use purpose::Purpose;
pub(crate) use verify::{DEFAULT_MAX_TOKEN_BYTES, Expectations, Verifier};
pub use verify::{TokenError, verify_jws};
