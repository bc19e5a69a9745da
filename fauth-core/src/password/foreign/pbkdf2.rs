//! PBKDF2 with HMAC ([RFC 8018](https://www.rfc-editor.org/rfc/rfc8018#section-5.2)), as other
//! systems store it.

use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    super::cost::{Broken, Digest, Means, Pbkdf2Cost, Work},
    parts::{Salt, Tag},
};

impl Digest {
    /// Finds a digest by its name in werkzeug and Python's `hashlib`.
    pub(super) fn named(name: &str) -> Result<Self, &'static str> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err("unsupported digest of pbkdf2"),
        }
    }

    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A stored PBKDF2 hash under the ceiling. No `Debug`: it would print the hash.
pub(in crate::password) struct Pbkdf2Hash {
    digest: Digest,
    rounds: u32,
    salt: Salt,
    tag: Tag,
}

impl Pbkdf2Hash {
    /// The ceiling limits the rounds of all blocks of the hash together, because they are the work.
    pub(super) fn new(
        digest: Digest,
        rounds: u32,
        (salt, tag): (Salt, Tag),
        ceiling: u32,
    ) -> Result<Self, &'static str> {
        let hash = Self { digest, rounds, salt, tag };
        if rounds == 0 {
            return Err("impossible rounds of pbkdf2");
        }
        if u64::from(rounds) * u64::from(hash.blocks()) > u64::from(ceiling) {
            return Err("rounds of pbkdf2 above the ceiling");
        }
        Ok(hash)
    }

    fn blocks(&self) -> u32 {
        u32::try_from(self.tag.0.len().div_ceil(self.digest.bytes())).unwrap_or(u32::MAX)
    }

    pub(super) fn work(&self) -> Work {
        Work::Pbkdf2(Pbkdf2Cost { digest: self.digest, rounds: self.rounds, blocks: self.blocks() })
    }

    pub(super) fn randomise(&mut self) -> Result<(), getrandom::Error> {
        getrandom::fill(&mut self.salt.0)?;
        getrandom::fill(&mut self.tag.0)
    }

    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        means.meter.ran(self.work());
        let mut computed = Zeroizing::new(vec![0; self.tag.0.len()]);
        let compute = match self.digest {
            Digest::Sha1 => ::pbkdf2::pbkdf2::<Hmac<Sha1>>,
            Digest::Sha256 => ::pbkdf2::pbkdf2::<Hmac<Sha256>>,
            Digest::Sha512 => ::pbkdf2::pbkdf2::<Hmac<Sha512>>,
        };
        compute(password, &self.salt.0, self.rounds, &mut computed)
            .map_err(|_| Broken("pbkdf2 refused the password"))?;
        Ok(computed.ct_eq(&self.tag.0).into())
    }
}
