//! Limits for tokens that are read or issued.

use super::json::{self, Limits};

/// The default maximum length of a token in bytes.
pub(crate) const DEFAULT_MAX_TOKEN_BYTES: usize = 8192;
pub(super) const MAX_KEY_ID_BYTES: usize = 128;
pub(super) const MAX_SUBJECT_BYTES: usize = 255;
pub(super) const MAX_TOKEN_ID_BYTES: usize = 128;
/// Tighter than those of the claims, because a header is parsed before the signature is verified.
pub(super) const HEADER_LIMITS: Limits = Limits { depth: 8, members: 32 };
pub(super) const CLAIMS_LIMITS: Limits = Limits { depth: 32, members: 512 };

/// Whether the verifier would accept claims with this number of members and these additional
/// values. The issuer must not write tokens that are refused.
pub(super) fn are_acceptable<'a>(members: usize, mut values: impl Iterator<Item = &'a str>) -> bool {
    let members = values
        .try_fold(members, |members, value| Some(members + json::scan_value(value, CLAIMS_LIMITS).ok()?));
    members.is_some_and(|members| members <= CLAIMS_LIMITS.members)
}
