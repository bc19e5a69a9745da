//! Django: `algorithm$…`. Salts are text and are used as they are; hashes are padded base64.

use base64::engine::general_purpose::STANDARD;

use super::{
    super::{argon::ArgonHash, bcrypt::BcryptHash, ceilings::Ceilings, cost::Digest},
    hash::{ForeignHash, Prehash},
    parts::{self, Salt, Tag},
    pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};

const SHAPE: &str = "not the form of a django hash";

/// `pbkdf2_sha256$600000$salt$base64`.
pub(super) fn pbkdf2(text: &str, digest: Digest, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    let [_, rounds, salt, tag] = parts::split(text, '$').ok_or(SHAPE)?;
    let rounds = parts::rounds(rounds)?;
    let given = (Salt::of_text(salt)?, Tag::of_base64(&STANDARD, tag, digest.bytes()..=digest.bytes())?);
    Pbkdf2Hash::new(digest, rounds, given, ceilings.pbkdf2).map(ForeignHash::Pbkdf2)
}

/// `scrypt$16384$salt$8$5$base64`, with 64 bytes of hash.
pub(super) fn scrypt(text: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const TAG_BYTES: usize = 64;

    let [_, n, salt, r, p, tag] = parts::split(text, '$').ok_or(SHAPE)?;
    let cost = parts::scrypt_cost(n, r, p)?;
    let given = (Salt::of_text(salt)?, Tag::of_base64(&STANDARD, tag, TAG_BYTES..=TAG_BYTES)?);
    ScryptHash::new(cost, given, ceilings.scrypt).map(ForeignHash::Scrypt)
}

/// `argon2$argon2id$v=19$…`. `rest` is what follows the first word, with its `$`.
pub(super) fn argon2(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    ArgonHash::parse(rest, ceilings.argon2).map(ForeignHash::Argon2)
}

/// `bcrypt$$2b$12$…`. `rest` is what follows the first `$`.
pub(super) fn bcrypt(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    BcryptHash::parse(rest, ceilings.bcrypt).map(ForeignHash::Bcrypt)
}

/// `bcrypt_sha256$$2b$12$…`: bcrypt of the password's SHA-256 in hexadecimal digits.
pub(super) fn bcrypt_sha256(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    BcryptHash::parse(rest, ceilings.bcrypt).map(|hash| ForeignHash::HashedBcrypt(Prehash::Sha256Hex, hash))
}
