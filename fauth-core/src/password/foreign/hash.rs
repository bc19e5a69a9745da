//! A hash of any other system.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    super::{
        argon::ArgonHash,
        bcrypt::{self, BcryptHash},
        cost::{Broken, Means, Work},
    },
    parts::hex,
    pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};

/// A hash of another system that is safe to compute. No `Debug`: it would print the hash.
pub(in crate::password) enum ForeignHash {
    Argon2(ArgonHash),
    Bcrypt(BcryptHash),
    HashedBcrypt(Prehash, BcryptHash),
    Scrypt(ScryptHash),
    Pbkdf2(Pbkdf2Hash),
}

impl ForeignHash {
    pub(in crate::password) fn work(&self) -> Work {
        match self {
            Self::Argon2(hash) => Work::Argon2(hash.cost()),
            Self::Bcrypt(hash) | Self::HashedBcrypt(_, hash) => Work::Bcrypt(hash.cost()),
            Self::Scrypt(hash) => hash.work(),
            Self::Pbkdf2(hash) => hash.work(),
        }
    }

    pub(in crate::password) fn randomise(&mut self) -> Result<(), getrandom::Error> {
        match self {
            Self::Argon2(hash) => hash.randomise(),
            Self::Bcrypt(hash) | Self::HashedBcrypt(_, hash) => hash.randomise(),
            Self::Scrypt(hash) => hash.randomise(),
            Self::Pbkdf2(hash) => hash.randomise(),
        }
    }

    /// Returns the longest password in bytes that this hash can have been made from without
    /// truncation.
    pub(in crate::password) const fn longest_password(&self) -> usize {
        match self {
            Self::Bcrypt(_) => bcrypt::LONGEST_STORED,
            _ => usize::MAX,
        }
    }

    pub(in crate::password) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        match self {
            Self::Argon2(hash) => hash.matches(password, means),
            Self::Bcrypt(hash) => hash.matches(password, means),
            Self::HashedBcrypt(prehash, hash) => hash.matches(prehash.of(password)?.as_bytes(), means),
            Self::Scrypt(hash) => hash.matches(password, means),
            Self::Pbkdf2(hash) => hash.matches(password, means),
        }
    }
}

/// The hash that bcrypt gets instead of the password, so that the password's length does not
/// matter.
pub(in crate::password) enum Prehash {
    /// Of Django, in hexadecimal digits.
    Sha256Hex,
    /// Of passlib's first version.
    Sha256Base64,
    /// Of passlib's second version, keyed with the text of the salt.
    HmacSha256Base64(Box<str>),
}

impl Prehash {
    fn of(&self, password: &[u8]) -> Result<Zeroizing<String>, Broken> {
        let plain = || Zeroizing::new(Vec::from(&Sha256::digest(password)[..]));
        Ok(match self {
            Self::Sha256Hex => hex(&plain()),
            Self::Sha256Base64 => Zeroizing::new(STANDARD.encode(&*plain())),
            Self::HmacSha256Base64(salt) => {
                let mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes())
                    .map_err(|_| Broken("hmac refused its key"))?;
                let keyed = mac.chain_update(password).finalize().into_bytes();
                let keyed = Zeroizing::new(Vec::from(&keyed[..]));
                Zeroizing::new(STANDARD.encode(&*keyed))
            }
        })
    }
}
