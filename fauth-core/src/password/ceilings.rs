//! The highest costs that stored hashes may have, and the checks of these settings.

#[cfg(feature = "foreign-hashes")]
use super::cost::ScryptCeiling;
use super::{bcrypt, cost::ArgonCost};
use crate::ConfigError;

/// No setting can raise a ceiling above this.
const HARD_ARGON2: ArgonCost = ArgonCost { memory_kib: 1_048_576, iterations: 32, parallelism: 64 };
const HARD_BCRYPT: u32 = 18;
#[cfg(feature = "foreign-hashes")]
const HARD_SCRYPT: ScryptCeiling = ScryptCeiling { memory_kib: 1_048_576, parallelism: 64 };
#[cfg(feature = "foreign-hashes")]
const HARD_PBKDF2: u32 = 50_000_000;

/// The highest costs that stored hashes may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceilings {
    pub(super) argon2: ArgonCost,
    pub(super) bcrypt: u32,
    #[cfg(feature = "foreign-hashes")]
    pub(super) scrypt: ScryptCeiling,
    /// The rounds for all blocks of a hash.
    #[cfg(feature = "foreign-hashes")]
    pub(super) pbkdf2: u32,
}

impl Ceilings {
    pub(super) const DEFAULT: Self = Self {
        argon2: ArgonCost { memory_kib: 262_144, iterations: 16, parallelism: 16 },
        bcrypt: 16,
        #[cfg(feature = "foreign-hashes")]
        scrypt: ScryptCeiling { memory_kib: 262_144, parallelism: 16 },
        #[cfg(feature = "foreign-hashes")]
        pbkdf2: 10_000_000,
    };

    pub(super) fn check(self) -> Result<(), ConfigError> {
        let Self { argon2, bcrypt, .. } = self;
        if !argon2.is_possible() || !argon2.fits(HARD_ARGON2) {
            return Err(ConfigError::new(
                "argon2_ceiling",
                format!("{argon2} is out of range"),
                format!("set at most {HARD_ARGON2}, each at least 1, and 8 KiB for each lane"),
            ));
        }
        if !(bcrypt::LOWEST_COST..=HARD_BCRYPT).contains(&bcrypt) {
            return Err(ConfigError::new(
                "bcrypt_ceiling",
                format!("{bcrypt} is out of range"),
                format!("set {} to {HARD_BCRYPT}", bcrypt::LOWEST_COST),
            ));
        }
        #[cfg(feature = "foreign-hashes")]
        self.check_foreign()?;
        Ok(())
    }

    #[cfg(feature = "foreign-hashes")]
    fn check_foreign(self) -> Result<(), ConfigError> {
        let ScryptCeiling { memory_kib, parallelism } = self.scrypt;
        if !(1..=HARD_SCRYPT.memory_kib).contains(&memory_kib)
            || !(1..=HARD_SCRYPT.parallelism).contains(&parallelism)
        {
            return Err(ConfigError::new(
                "scrypt_ceiling",
                format!("{memory_kib} KiB with a parallelism of {parallelism} is out of range"),
                format!("set 1 to {} KiB and 1 to {}", HARD_SCRYPT.memory_kib, HARD_SCRYPT.parallelism),
            ));
        }
        if !(1..=HARD_PBKDF2).contains(&self.pbkdf2) {
            return Err(ConfigError::new(
                "pbkdf2_ceiling",
                format!("{} is out of range", self.pbkdf2),
                format!("set 1 to {HARD_PBKDF2}"),
            ));
        }
        Ok(())
    }
}
