//! passlib: `$pbkdf2…$rounds$salt$hash` in a base64 of its own, and bcrypt of prehashed passwords.

use super::{
    super::{bcrypt::BcryptHash, ceilings::Ceilings, cost::Digest},
    hash::{ForeignHash, Prehash},
    parts::{self, ADAPTED_BASE64, Salt, Tag},
    pbkdf2::Pbkdf2Hash,
};

/// `$pbkdf2-sha256$29000$salt$hash`. `rest` is what follows the name and its `$`.
pub(super) fn pbkdf2(rest: &str, digest: Digest, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    let [rounds, salt, tag] = parts::split(rest, '$').ok_or("not the form of a passlib hash")?;
    let rounds = parts::rounds(rounds)?;
    let tag = Tag::of_base64(&ADAPTED_BASE64, tag, digest.bytes()..=digest.bytes())?;
    let given = (Salt::of_base64(&ADAPTED_BASE64, salt)?, tag);
    Pbkdf2Hash::new(digest, rounds, given, ceilings.pbkdf2).map(ForeignHash::Pbkdf2)
}

/// `$bcrypt-sha256$2b,12$salt$hash` and `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash`. `rest` is what
/// follows the name and its `$`.
///
/// The second version hashes the password with HMAC keyed with the salt, so that a list of plain
/// SHA-256 hashes from another leak does not help in guessing.
pub(super) fn bcrypt_sha256(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const SHAPE: &str = "not the form of a passlib bcrypt-sha256 hash";
    /// In bcrypt's own base64.
    const SALT_CHARACTERS: usize = 22;

    let [parameters, salt, digest] = parts::split(rest, '$').ok_or(SHAPE)?;
    if salt.len() != SALT_CHARACTERS {
        return Err(SHAPE);
    }
    let (version, rounds, prehash) = if let Some([version, rounds]) = parts::split(parameters, ',') {
        if !matches!(version, "2a" | "2b") {
            return Err(SHAPE);
        }
        (version, rounds, Prehash::Sha256Base64)
    } else if let Some(["v=2", "t=2b", rounds]) = parts::split(parameters, ',') {
        let rounds = rounds.strip_prefix("r=").ok_or(SHAPE)?;
        ("2b", rounds, Prehash::HmacSha256Base64(salt.into()))
    } else {
        return Err(SHAPE);
    };
    let cost = parts::number(rounds).filter(|cost| *cost < 100).ok_or(SHAPE)?;
    let bcrypt = format!("${version}${cost:02}${salt}{digest}");
    BcryptHash::parse(&bcrypt, ceilings.bcrypt).map(|hash| ForeignHash::HashedBcrypt(prehash, hash))
}
