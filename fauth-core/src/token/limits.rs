//! How much of a token is looked at, and how much of it may be written.

use super::json::{self, Limits};

/// The longest token that is looked at unless configured otherwise, in bytes.
pub(crate) const DEFAULT_MAX_TOKEN_BYTES: usize = 8192;
pub(super) const MAX_KEY_ID_BYTES: usize = 128;
pub(super) const MAX_SUBJECT_BYTES: usize = 255;
pub(super) const MAX_TOKEN_ID_BYTES: usize = 128;
/// Tighter than those of the claims: this much is parsed before the signature is checked.
pub(super) const HEADER_LIMITS: Limits = Limits { depth: 8, members: 32 };
pub(super) const CLAIMS_LIMITS: Limits = Limits { depth: 32, members: 512 };

/// Would claims be read that have so many members of their own and these values besides? For the
/// issuer, who must not write what nobody accepts.
pub(super) fn are_acceptable<'a>(members: usize, mut values: impl Iterator<Item = &'a str>) -> bool {
    let members = values
        .try_fold(members, |members, value| Some(members + json::scan_value(value, CLAIMS_LIMITS).ok()?));
    members.is_some_and(|members| members <= CLAIMS_LIMITS.members)
}
