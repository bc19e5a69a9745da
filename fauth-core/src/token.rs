//! Tokens: claims, keys and signatures, and the one place that accepts tokens.

mod algorithm;
mod application_keys;
#[cfg(any(feature = "asymmetric", feature = "asymmetric-pure-rust"))]
mod asymmetric;
mod base64url;
#[cfg(feature = "trusted-issuers")]
mod claim_lookup;
mod claims;
mod custom_claims;
mod elsewhere;
#[cfg(feature = "trusted-issuers")]
mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod header;
pub(crate) mod ids;
pub(crate) mod issue;
mod issue_error;
mod json;
mod json_object;
mod jwk;
mod jwks_document;
mod key_error;
mod keys;
mod limits;
mod mac;
#[cfg(feature = "mandates")]
mod mandate;
#[cfg(not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")))]
mod no_asymmetric;
mod origin;
pub(crate) mod payload;
mod profile;
#[cfg(feature = "trusted-issuers")]
mod public_keys;
pub(crate) mod purpose;
#[cfg(feature = "trusted-issuers")]
mod ring;
mod signer;
mod signer_error;
#[cfg(feature = "trusted-issuers")]
mod texts;
pub(crate) mod token_claims;
mod verify;
mod weak_secrets;

pub use algorithm::Algorithm;
pub(crate) use application_keys::Keys;
#[cfg(all(test, feature = "trusted-issuers"))]
pub(crate) use claim_lookup::with_indexed;
#[cfg(feature = "trusted-issuers")]
pub(crate) use claim_lookup::{IndexedClaims, NotTexts, each_text, member_of};
pub(crate) use claims::{is_reserved, is_scope};
#[cfg(feature = "trusted-issuers")]
pub use foreign::AccessTokenProfile;
#[cfg(feature = "trusted-issuers")]
pub(crate) use foreign::{ForeignVerifier, MAX_ISSUER_BYTES, UnverifiedForeign};
pub(crate) use ids::RefreshId;
pub(crate) use ids::SessionId;
pub use issue::IssuedToken;
pub(crate) use issue::{BrowserBinding, CsrfValue, Issuer, RefreshBinding, random_bytes};
pub(crate) use issue::{TokenPair, TokenRequest};
pub use issue_error::IssueError;
pub(crate) use jwks_document::{JwksDocument, PublishedKeys};
pub use key_error::KeyError;
pub use keys::Key;
pub(crate) use keys::{FixedKeys, Secret};
pub(crate) use limits::DEFAULT_MAX_TOKEN_BYTES;
#[cfg(feature = "mandates")]
pub(crate) use mandate::MandateProfile;
#[cfg(all(test, feature = "mandates"))]
pub(crate) use mandate::unsigned as unsigned_mandate;
#[cfg(feature = "mandates")]
pub use mandate::{Hop, Mandate, MandateUse, SubjectType};
pub(crate) use origin::Origin;
pub use payload::ClaimError;
#[cfg(feature = "trusted-issuers")]
pub(crate) use payload::Rights;
pub(crate) use payload::TokenPayload;
pub use profile::{ScopeClaim, TokenProfile};
#[cfg(feature = "trusted-issuers")]
pub(crate) use public_keys::PublicKeys;
pub(crate) use purpose::PerPurpose;
pub(crate) use purpose::{OneTimePurpose, Purpose};
#[cfg(feature = "trusted-issuers")]
pub use ring::{KeyRing, KeyRingError, Rotation};
pub use signer::Signer;
pub use signer_error::SignerError;
#[cfg(feature = "trusted-issuers")]
pub(crate) use texts::Texts;
pub(crate) use token_claims::TokenClaims;
pub(crate) use verify::{Expectations, Verifier};
pub use verify::{TokenError, verify_jws};
