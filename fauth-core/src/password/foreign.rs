//! Hashes of other systems: read strictly, computed, compared, and replaced at the next login.
//!
//! Each system has a file that knows its strings; `scrypt` and `pbkdf2` know the work.

mod django;
mod hash;
mod parts;
mod passlib;
mod pbkdf2;
mod phc;
mod scrypt;
mod spring;
mod werkzeug;

use super::{ceilings::Ceilings, cost::Digest};

pub(super) use self::hash::ForeignHash;

impl ForeignHash {
    /// `None` if the string has the beginning of no system that is known here.
    pub(super) fn parse(text: &str, ceilings: Ceilings) -> Option<Result<Self, &'static str>> {
        // The longest beginning first, where one is the beginning of another.
        let (head, separator, rest) = split(text)?;
        Some(match (head, separator) {
            ("scrypt", ':') => werkzeug::scrypt(text, ceilings),
            ("pbkdf2", ':') => werkzeug::pbkdf2(text, ceilings),
            ("pbkdf2_sha256", '$') => django::pbkdf2(text, Digest::Sha256, ceilings),
            ("pbkdf2_sha1", '$') => django::pbkdf2(text, Digest::Sha1, ceilings),
            ("scrypt", '$') => django::scrypt(text, ceilings),
            // The rest has its `$` again: `argon2$argon2id$…` is the string after the first word.
            ("argon2", '$') => django::argon2(text.get("argon2".len()..)?, ceilings),
            ("bcrypt", '$') => django::bcrypt(rest, ceilings),
            ("bcrypt_sha256", '$') => django::bcrypt_sha256(rest, ceilings),
            ("$pbkdf2", '$') => pbkdf2_of(rest, Digest::Sha1, ceilings),
            ("$pbkdf2-sha256", '$') => pbkdf2_of(rest, Digest::Sha256, ceilings),
            ("$pbkdf2-sha512", '$') => pbkdf2_of(rest, Digest::Sha512, ceilings),
            ("$bcrypt-sha256", '$') => passlib::bcrypt_sha256(rest, ceilings),
            ("$scrypt", '$') => phc::scrypt(rest, ceilings),
            (_, '}') => spring::parse(text, ceilings),
            _ => return None,
        })
    }
}

/// passlib and the PHC format share the names, not the parameters and not the base64.
fn pbkdf2_of(rest: &str, digest: Digest, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    if rest.starts_with("i=") {
        phc::pbkdf2(rest, digest, ceilings)
    } else {
        passlib::pbkdf2(rest, digest, ceilings)
    }
}

/// The name that a string begins with, what ends it, and what comes after that. A `$` at the very
/// beginning belongs to the name.
fn split(text: &str) -> Option<(&str, char, &str)> {
    let ends = |at: usize, c: char| matches!(c, ':' | '}') || (c == '$' && at > 0);
    let (at, end) = text.char_indices().find(|(at, c)| ends(*at, *c))?;
    if end == '}' && !text.starts_with('{') {
        return None;
    }
    Some((text.get(..at)?, end, text.get(at + 1..)?))
}
