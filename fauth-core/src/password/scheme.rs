//! The schemes as one: what a stored string says, what it costs, and whether a password matches.

use std::hint::black_box;

use super::{
    argon::ArgonHash,
    bcrypt::{self, BcryptHash},
    cost::{ArgonCost, Broken, Cost, Means},
};

/// Longer than any string of a known scheme with parameters under the ceilings.
const LONGEST_STORED: usize = 512;

impl Cost {
    /// The longest new password in bytes, by the scheme alone.
    pub(super) const fn longest_new_password(self) -> usize {
        match self {
            Self::Argon2(_) => usize::MAX,
            Self::Bcrypt(_) => bcrypt::LONGEST_NEW,
        }
    }

    pub(super) fn create(self, password: &[u8], means: &Means) -> Result<String, Broken> {
        match self {
            Self::Argon2(cost) => ArgonHash::create(password, cost, means),
            Self::Bcrypt(cost) => BcryptHash::create(password, cost, means),
        }
    }
}

/// The most that a stored hash may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceilings {
    pub(super) argon2: ArgonCost,
    pub(super) bcrypt: u32,
}

/// Why a stored hash cannot be used. Only fixed text, so that it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) scheme: &'static str,
    pub(super) problem: &'static str,
}

/// A stored hash that is safe to compute.
pub(super) enum StoredHash {
    Argon2(ArgonHash),
    Bcrypt(BcryptHash),
}

impl StoredHash {
    pub(super) fn parse(text: &str, ceilings: Ceilings) -> Result<Self, Unusable> {
        let scheme = scheme_name(text);
        let unusable = |problem| Unusable { scheme, problem };
        if text.len() > LONGEST_STORED {
            return Err(unusable("longer than any password hash"));
        }
        match scheme {
            "argon2" => ArgonHash::parse(text, ceilings.argon2).map(Self::Argon2).map_err(unusable),
            "bcrypt" => BcryptHash::parse(text, ceilings.bcrypt).map(Self::Bcrypt).map_err(unusable),
            NO_PASSWORD => Err(unusable("no password is set")),
            _ => Err(unusable("unsupported scheme")),
        }
    }

    pub(super) fn dummy(target: Cost) -> Result<Self, getrandom::Error> {
        match target {
            Cost::Argon2(cost) => ArgonHash::dummy(cost).map(Self::Argon2),
            Cost::Bcrypt(cost) => BcryptHash::dummy(cost).map(Self::Bcrypt),
        }
    }

    /// The longest password in bytes that this hash can have been made of without a cut.
    pub(super) const fn longest_password(&self) -> usize {
        match self {
            Self::Argon2(_) => usize::MAX,
            Self::Bcrypt(_) => bcrypt::LONGEST_STORED,
        }
    }

    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        match self {
            Self::Argon2(hash) => hash.matches(password, means),
            Self::Bcrypt(hash) => hash.matches(password, means),
        }
    }

    /// Does the work of [`matches`](Self::matches) and forgets the answer.
    pub(super) fn spend(&self, password: &[u8], means: &Means) -> Result<(), Broken> {
        let password = password.get(..self.longest_password()).unwrap_or(password);
        // What nobody looks at need not be computed, an optimiser may think.
        black_box(self.matches(password, means)?);
        Ok(())
    }

    /// Is it of another scheme than new hashes, or weaker?
    pub(super) fn is_below(&self, target: Cost) -> bool {
        match (self, target) {
            (Self::Argon2(hash), Cost::Argon2(target)) => hash.is_below(target),
            (Self::Bcrypt(hash), Cost::Bcrypt(target)) => hash.is_below(target),
            (Self::Argon2(_), Cost::Bcrypt(_)) | (Self::Bcrypt(_), Cost::Argon2(_)) => true,
        }
    }
}

/// The scheme of a user without a password: empty, or one of the markers that `/etc/shadow` and Django write.
pub(super) const NO_PASSWORD: &str = "none";

/// Names the scheme by how the string begins, also of those that are not supported, for the log.
fn scheme_name(text: &str) -> &'static str {
    const BEGINNINGS: [(&str, &str); 14] = [
        ("$argon2", "argon2"),
        ("$2", "bcrypt"),
        ("!", NO_PASSWORD),
        ("*", NO_PASSWORD),
        ("argon2$", "django argon2"),
        ("bcrypt", "django bcrypt"),
        ("pbkdf2", "pbkdf2"),
        ("$pbkdf2", "pbkdf2"),
        ("scrypt", "scrypt"),
        ("$scrypt$", "scrypt"),
        ("$bcrypt-sha256$", "passlib bcrypt-sha256"),
        ("$1$", "md5-crypt"),
        ("$5$", "sha256-crypt"),
        ("$6$", "sha512-crypt"),
    ];
    if text.is_empty() {
        return NO_PASSWORD;
    }
    BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning)).map_or("unknown", |(_, name)| name)
}
