//! Entry points of the fuzz targets in `fuzz/fuzz_targets`, and a test that runs their corpora.
//!
//! Each function takes arbitrary bytes and returns whether a parser accepted any of them. It panics
//! when a parser breaks an invariant: two parsers disagree, or an accepted value does not survive a
//! round trip. Private parsers are called from a module `fuzzing` next to them.
//!
//! This module is not part of the public API. It exists only in the tests of this crate and with
//! `--cfg fuzzing`, which cargo-fuzz sets.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "a broken invariant is meant to panic"
)]

mod credentials;
mod forwarded;
pub(crate) mod head;
mod paths;
#[cfg(test)]
mod tests;

use crate::{password, token};

/// All targets, by name.
pub const TARGETS: &[(&str, fn(&[u8]) -> bool)] = &[
    ("authorization", authorization),
    ("base64url", base64url),
    ("cookies", cookies),
    ("forwarded", forwarded),
    ("json", json),
    ("jwk", jwk),
    ("login_body", login_body),
    #[cfg(feature = "mandates")]
    ("mandate", mandate),
    ("path", path),
    ("redirects", redirects),
    #[cfg(feature = "redis")]
    ("redis", redis),
    ("rules", rules),
    ("stored_hashes", stored_hashes),
    ("token", token),
    #[cfg(feature = "mandates")]
    ("trace_context", trace_context),
    #[cfg(feature = "user-store")]
    ("users", users),
];

pub fn authorization(bytes: &[u8]) -> bool {
    credentials::authorization(bytes)
}

pub fn base64url(bytes: &[u8]) -> bool {
    token::fuzzing::base64url(bytes)
}

pub fn cookies(bytes: &[u8]) -> bool {
    credentials::cookies(bytes)
}

pub fn forwarded(bytes: &[u8]) -> bool {
    forwarded::forwarded(bytes)
}

pub fn json(bytes: &[u8]) -> bool {
    with_text(bytes, token::fuzzing::json)
}

pub fn jwk(bytes: &[u8]) -> bool {
    with_text(bytes, token::fuzzing::jwk)
}

pub fn login_body(bytes: &[u8]) -> bool {
    crate::routes::fuzzing::login_body(bytes)
}

#[cfg(feature = "mandates")]
pub fn mandate(bytes: &[u8]) -> bool {
    with_text(bytes, token::fuzzing::mandate)
}

pub fn path(bytes: &[u8]) -> bool {
    with_text(bytes, paths::path)
}

pub fn redirects(bytes: &[u8]) -> bool {
    !redirect_targets(bytes).is_empty()
}

/// Returns the accepted redirect targets, for a comparison with a URL parser.
pub fn redirect_targets(bytes: &[u8]) -> Vec<String> {
    std::str::from_utf8(bytes).map(paths::redirect_targets).unwrap_or_default()
}

#[cfg(feature = "redis")]
pub fn redis(bytes: &[u8]) -> bool {
    crate::store::redis_fuzzing::reply(bytes)
}

pub fn rules(bytes: &[u8]) -> bool {
    with_text(bytes, paths::rules)
}

pub fn stored_hashes(bytes: &[u8]) -> bool {
    with_text(bytes, password::fuzzing::stored_hash)
}

/// Returns variant, memory in KiB, passes and lanes of an accepted Argon2 hash, for a comparison
/// with another parser.
pub fn argon2_parameters(text: &str) -> Option<(&str, u32, u32, u32)> {
    password::fuzzing::argon2_parameters(text)
}

pub fn token(bytes: &[u8]) -> bool {
    token::fuzzing::token(bytes)
}

#[cfg(feature = "mandates")]
pub fn trace_context(bytes: &[u8]) -> bool {
    forwarded::trace_context(bytes)
}

#[cfg(feature = "user-store")]
pub fn users(bytes: &[u8]) -> bool {
    crate::user_store::fuzzing::users(bytes)
}

fn with_text(bytes: &[u8], check: impl FnOnce(&str) -> bool) -> bool {
    std::str::from_utf8(bytes).is_ok_and(check)
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == b'\n').collect()
}
