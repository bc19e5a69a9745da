//! Settings for existing hashes: those of other systems, and those with previous peppers.

use super::PasswordConfig;
#[cfg(feature = "foreign-hashes")]
use crate::password::cost::ScryptCeiling;
use crate::password::{own::PasswordScheme, pepper::Pepper, sample::Sample};

impl PasswordConfig {
    /// Sets the highest cost of stored scrypt hashes: memory in KiB (128 · N · r bytes), and
    /// parallelism (p). Default 262144, 16; at most 1048576, 64. The block size r is at most 32.
    ///
    /// # Security
    ///
    /// As for [`argon2_ceiling`](Self::argon2_ceiling). The time is proportional to the memory
    /// times p.
    #[cfg(feature = "foreign-hashes")]
    #[must_use]
    pub const fn scrypt_ceiling(mut self, memory_kib: u32, parallelism: u32) -> Self {
        self.ceilings.scrypt = ScryptCeiling { memory_kib, parallelism };
        self
    }

    /// Sets the highest number of rounds of stored PBKDF2 hashes. Default 10000000, at most
    /// 50000000.
    ///
    /// A hash longer than its digest repeats the rounds for each part, and all of them count.
    ///
    /// # Security
    ///
    /// As for [`argon2_ceiling`](Self::argon2_ceiling). Ten million rounds take some seconds.
    #[cfg(feature = "foreign-hashes")]
    #[must_use]
    pub const fn pbkdf2_ceiling(mut self, rounds: u32) -> Self {
        self.ceilings.pbkdf2 = rounds;
        self
    }

    /// Adds a scheme of your own for the hashes of an old system.
    ///
    /// Your schemes are tried before those of this crate, in the order of the calls, and never for
    /// a hash with a [pepper](Self::pepper). New hashes never use them.
    #[must_use]
    pub fn foreign_scheme(mut self, scheme: impl PasswordScheme) -> Self {
        self.own.add(scheme);
        self
    }

    /// Makes every login also do the work of verifying a hash like this one, for known and unknown
    /// users.
    ///
    /// Use it while an application migrates from another system. As long as most users have their
    /// old hash, response times reveal which users exist, because verifying an old hash takes a
    /// different time than verifying the dummy. With a sample, each verification is one of a new
    /// hash and one of an old hash, for users with either, for users without one, and for unknown
    /// users. Pass any stored hash of the old system; only its scheme and its parameters are used.
    ///
    /// ```
    /// use fauth_core::password::{PasswordConfig, PasswordHasher};
    ///
    /// // Argon2id from now on, and many users with bcrypt of cost 10.
    /// let old = "$2b$10$vWE/QWNBFQWU1mAWMZvIvOyZqCaEWQU1uzOkyC4QGnWgl9Yk4Cmq.";
    /// let hasher = PasswordHasher::new(PasswordConfig::argon2id().equalise_with(old));
    /// assert!(hasher.is_ok());
    /// ```
    ///
    /// This roughly doubles the cost of a login; remove it once the old hashes are gone. Hashes
    /// with other parameters than the sample's still stand out.
    #[must_use]
    pub fn equalise_with(mut self, old_hash: impl Into<String>) -> Self {
        self.sample = Some(Sample::new(old_hash.into()));
        self
    }

    /// Sets the pepper of new hashes: a secret that is kept apart from the database, with its id.
    ///
    /// The scheme hashes base64url(HMAC-SHA-256(key, password)). So a stolen table of hashes is
    /// useless without the key, and bcrypt takes passwords of any length without truncation. The id
    /// (1 to 32 letters, digits, `.`, `_`, `-`) is stored with the hash:
    /// `$fauth-pepper$v=1,k=2026a$argon2id$…`. Hashes without a pepper still verify, and are
    /// replaced at the next login.
    ///
    /// The key must be as strong as other secrets: 32 bytes or more from a random generator.
    ///
    /// ```
    /// use fauth_core::password::{PasswordConfig, PasswordHasher, Verification};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (mut old_key, mut key) = ([0; 32], [0; 32]);
    /// # getrandom::fill(&mut old_key)?;
    /// # getrandom::fill(&mut key)?;
    /// let before = PasswordHasher::new(PasswordConfig::argon2id().pepper("2025", old_key))?;
    /// let stored = before.hash("correct horse battery staple").await?;
    ///
    /// let config = PasswordConfig::argon2id();
    /// let config = config.pepper("2026", key).previous_pepper("2025", old_key);
    /// let answer = PasswordHasher::new(config)?
    ///     .verify("correct horse battery staple", Some(&stored))
    ///     .await?;
    /// assert_eq!(answer, Verification::MatchNeedsRehash);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// - If the key is lost, all passwords are lost: keep a copy in another place than the copies
    ///   of the database.
    /// - Use the key for nothing else. Never use an id again for another key: hashes with the
    ///   former key would never match.
    /// - A pepper does not protect hashes that are already stolen.
    #[must_use]
    pub fn pepper(mut self, id: impl AsRef<str>, key: impl AsRef<[u8]>) -> Self {
        self.peppers.current = Some(Pepper::new(id.as_ref(), key.as_ref()));
        self
    }

    /// Adds a previous pepper. Hashes with it still verify, and are replaced at the next login. At
    /// most 16.
    ///
    /// Without a [`pepper`](Self::pepper), new hashes have none: this is how to stop using peppers.
    /// A hash whose pepper is not configured never matches, and the log names its id.
    #[must_use]
    pub fn previous_pepper(mut self, id: impl AsRef<str>, key: impl AsRef<[u8]>) -> Self {
        self.peppers.previous.push(Pepper::new(id.as_ref(), key.as_ref()));
        self
    }
}
