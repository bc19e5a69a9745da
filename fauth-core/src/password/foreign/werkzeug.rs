//! werkzeug, also used by Flask and Caspian: `method$salt$hex`. The salt is text and is used as it
//! is.

use super::{
    super::{ceilings::Ceilings, cost::Digest},
    hash::ForeignHash,
    parts::{self, Salt, Tag},
    pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};

const SHAPE: &str = "not the form of a werkzeug hash";

/// `scrypt:32768:8:1$salt$hex`, with 64 bytes of hash.
pub(super) fn scrypt(text: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const TAG_BYTES: usize = 64;

    let [method, salt, tag] = parts::split(text, '$').ok_or(SHAPE)?;
    // Shorter forms omit parameters whose defaults have changed since.
    let ["scrypt", n, r, p] = parts::split(method, ':').ok_or(SHAPE)? else { return Err(SHAPE) };
    let cost = parts::scrypt_cost(n, r, p)?;
    let given = (Salt::of_text(salt)?, Tag::of_hex(tag, TAG_BYTES..=TAG_BYTES)?);
    ScryptHash::new(cost, given, ceilings.scrypt).map(ForeignHash::Scrypt)
}

/// `pbkdf2:sha256:600000$salt$hex`, with a hash as long as the digest.
pub(super) fn pbkdf2(text: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    let [method, salt, tag] = parts::split(text, '$').ok_or(SHAPE)?;
    let ["pbkdf2", digest, rounds] = parts::split(method, ':').ok_or(SHAPE)? else { return Err(SHAPE) };
    let (digest, rounds) = (Digest::named(digest)?, parts::rounds(rounds)?);
    let given = (Salt::of_text(salt)?, Tag::of_hex(tag, digest.bytes()..=digest.bytes())?);
    Pbkdf2Hash::new(digest, rounds, given, ceilings.pbkdf2).map(ForeignHash::Pbkdf2)
}
