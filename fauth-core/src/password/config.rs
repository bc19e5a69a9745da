//! The settings of the hasher, and their checks.

mod hashes_there_are;

use std::{num::NonZero, thread, time::Duration};

use super::{
    bcrypt,
    ceilings::Ceilings,
    cost::{ArgonCost, Cost},
    own::OwnSchemes,
    pepper::Peppers,
    sample::Sample,
    scheme::{Reading, Target},
};
use crate::ConfigError;

/// Memory in KiB and passes that OWASP considers equally strong, each with one lane.
const OWASP_ARGON2ID: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
const OWASP_BCRYPT: u32 = 10;

const PASSWORD_BYTES: (usize, usize) = (64, 4096);
const MOST_CONCURRENT: usize = 512;
const MOST_QUEUED: usize = 65_536;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The scheme and cost of password hashes, and the limits on hashing.
///
/// Nothing is checked here. [`PasswordHasher::new`](super::PasswordHasher::new) checks all settings
/// and names the one that is invalid.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::password::{PasswordConfig, PasswordHasher};
///
/// let config = PasswordConfig::bcrypt(12).concurrency(2).queue_limit(16);
/// let config = config.queue_wait(Duration::from_secs(1));
/// assert!(PasswordHasher::new(config).is_ok());
///
/// let error = PasswordHasher::new(PasswordConfig::bcrypt(8)).unwrap_err();
/// assert_eq!(error.field(), "bcrypt");
/// ```
#[derive(Debug, Clone)]
pub struct PasswordConfig {
    target: Cost,
    weak: bool,
    ceilings: Ceilings,
    max_password_bytes: usize,
    concurrency: Option<usize>,
    queue_limit: usize,
    queue_wait: Duration,
    nfc: bool,
    peppers: Peppers,
    own: OwnSchemes,
    /// A hash whose work every login does in addition.
    sample: Option<Sample>,
}

impl PasswordConfig {
    /// Hashes new passwords with Argon2id at 19456 KiB, 2 passes and 1 lane. The default.
    #[must_use]
    pub const fn argon2id() -> Self {
        Self::argon2id_with(19_456, 2, 1)
    }

    /// Hashes new passwords with Argon2id at a cost of your own: memory in KiB, passes over it,
    /// lanes.
    ///
    /// The cost must be at least as strong as one of 47104/1, 19456/2, 12288/3, 9216/4 and 7168/5
    /// (memory/passes, any number of lanes), and not above the [ceiling](Self::argon2_ceiling).
    #[must_use]
    pub const fn argon2id_with(memory_kib: u32, iterations: u32, parallelism: u32) -> Self {
        Self::with_target(Cost::Argon2(ArgonCost { memory_kib, iterations, parallelism }), false)
    }

    /// Hashes new passwords with Argon2id at a cost **below any safe minimum**, to keep tests fast.
    ///
    /// # Security
    ///
    /// Passwords in a leaked table of such hashes can be guessed almost as fast as if they were
    /// stored in plain text. Never use it in a service.
    #[must_use]
    pub const fn danger_weak_argon2id(memory_kib: u32, iterations: u32, parallelism: u32) -> Self {
        Self::with_target(Cost::Argon2(ArgonCost { memory_kib, iterations, parallelism }), true)
    }

    /// Hashes new passwords with bcrypt at this cost, from 10 up to the
    /// [ceiling](Self::bcrypt_ceiling).
    ///
    /// Each step doubles the time; 12 takes about a fifth of a second. New passwords have at most
    /// 71 bytes ([why](super#seventy-two-bytes)).
    #[must_use]
    pub const fn bcrypt(cost: u32) -> Self {
        Self::with_target(Cost::Bcrypt(cost), false)
    }

    /// Hashes new passwords with bcrypt at a cost **below any safe minimum**, from 4, to keep tests
    /// fast.
    ///
    /// # Security
    ///
    /// Passwords in a leaked table of such hashes can be guessed quickly. Never use it in a
    /// service.
    #[must_use]
    pub const fn danger_weak_bcrypt(cost: u32) -> Self {
        Self::with_target(Cost::Bcrypt(cost), true)
    }

    const fn with_target(target: Cost, weak: bool) -> Self {
        Self {
            target,
            weak,
            ceilings: Ceilings::DEFAULT,
            max_password_bytes: 1024,
            concurrency: None,
            queue_limit: 64,
            queue_wait: Duration::from_secs(3),
            nfc: false,
            peppers: Peppers::NONE,
            own: OwnSchemes::NONE,
            sample: None,
        }
    }

    /// Normalizes passwords to Unicode's Normalization Form C before they are hashed or verified.
    ///
    /// [RFC 8265](https://www.rfc-editor.org/rfc/rfc8265#section-4.2.2) and NIST SP 800-63B
    /// recommend it: one system sends `é` as one character, another as `e` and an accent, and their
    /// user means the same password. By default passwords are hashed as received. Characters that
    /// Unicode calls canonically equivalent become the same, and nothing else changes: neither case
    /// nor characters that are only compatible.
    ///
    /// Decide before the first user is created. If you switch it on later, users whose password is
    /// not in this form are locked out, because their hash was made from other bytes and no login
    /// replaces it. They need a password reset. ASCII passwords, and all passwords that are in this
    /// form already, as most keyboards produce it, are not affected. If you switch it off later,
    /// users who type a password in another form than it was hashed in are locked out.
    #[cfg(feature = "nfc")]
    #[must_use]
    pub const fn nfc(mut self) -> Self {
        self.nfc = true;
        self
    }

    /// Sets the maximum length of a password in bytes of UTF-8, from 64 to 4096. Default 1024.
    ///
    /// Longer passwords are refused before any work. bcrypt has a lower [limit of its
    /// own](super#seventy-two-bytes).
    #[must_use]
    pub const fn max_password_bytes(mut self, bytes: usize) -> Self {
        self.max_password_bytes = bytes;
        self
    }

    /// Sets the number of concurrent hashes, from 1 to 512. Default: one per core.
    ///
    /// The memory in use is up to this number times the memory of one hash. For a stored hash that
    /// is at most the [ceiling](Self::argon2_ceiling) of Argon2 or of scrypt.
    #[must_use]
    pub const fn concurrency(mut self, hashes: usize) -> Self {
        self.concurrency = Some(hashes);
        self
    }

    /// Sets the number of hashes that may wait in addition to the running ones, from 0 to 65536.
    /// Default 64.
    ///
    /// A quarter of this number may wait in addition [on behalf of logged-in
    /// users](super::OnBehalfOf::User).
    #[must_use]
    pub const fn queue_limit(mut self, hashes: usize) -> Self {
        self.queue_limit = hashes;
        self
    }

    /// Sets how long a hash may wait for its turn, and then for a slot, above zero and at most 60
    /// s. Default 3 s.
    ///
    /// To disable waiting, set [`queue_limit(0)`](Self::queue_limit).
    #[must_use]
    pub const fn queue_wait(mut self, wait: Duration) -> Self {
        self.queue_wait = wait;
        self
    }

    /// Sets the highest cost of stored Argon2 hashes: memory in KiB, passes, lanes. Default 262144,
    /// 16, 16.
    ///
    /// It must not be below the cost of new hashes, and is at most 1048576, 32, 64.
    ///
    /// # Security
    ///
    /// Anybody who can write one stored hash decides what a login costs, up to this ceiling times
    /// [`concurrency`](Self::concurrency). Hashes above it never match.
    #[must_use]
    pub const fn argon2_ceiling(mut self, memory_kib: u32, iterations: u32, parallelism: u32) -> Self {
        self.ceilings.argon2 = ArgonCost { memory_kib, iterations, parallelism };
        self
    }

    /// Sets the highest cost of stored bcrypt hashes, from 4 to 18. Default 16.
    ///
    /// It must not be below the cost of new hashes.
    ///
    /// # Security
    ///
    /// As for [`argon2_ceiling`](Self::argon2_ceiling). Cost 16 takes about three seconds, 18 about
    /// thirteen.
    #[must_use]
    pub const fn bcrypt_ceiling(mut self, cost: u32) -> Self {
        self.ceilings.bcrypt = cost;
        self
    }

    pub(super) const fn target(&self) -> Target<'_> {
        Target { cost: self.target, pepper: self.peppers.current.as_ref() }
    }

    pub(super) const fn reading(&self) -> Reading<'_> {
        Reading { ceilings: self.ceilings, peppers: &self.peppers, own: &self.own }
    }

    pub(super) fn sample(&self) -> Option<&str> {
        self.sample.as_ref().map(Sample::text)
    }

    pub(super) const fn longest_password(&self) -> usize {
        self.max_password_bytes
    }

    pub(super) const fn is_nfc(&self) -> bool {
        self.nfc
    }

    pub(super) fn slots(&self) -> usize {
        self.concurrency
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get).min(MOST_CONCURRENT))
    }

    pub(super) const fn queue(&self) -> (usize, Duration) {
        (self.queue_limit, self.queue_wait)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.ceilings.check()?;
        self.peppers.check()?;
        match self.target {
            Cost::Argon2(cost) => self.check_argon2(cost)?,
            Cost::Bcrypt(cost) => self.check_bcrypt(cost)?,
        }
        self.check_limits()
    }

    fn check_argon2(&self, cost: ArgonCost) -> Result<(), ConfigError> {
        let field = if self.weak { "danger_weak_argon2id" } else { "argon2id_with" };
        if !cost.is_possible() {
            return Err(ConfigError::new(
                field,
                format!("{cost} is not a valid Argon2 cost"),
                "set at least 1 pass, 1 lane and 8 KiB for each lane",
            ));
        }
        if !cost.fits(self.ceilings.argon2) {
            return Err(ConfigError::new(
                field,
                format!("{cost} is above the ceiling for stored hashes, so no new hash would verify"),
                format!("stay within {}, or raise argon2_ceiling", self.ceilings.argon2),
            ));
        }
        let strong = OWASP_ARGON2ID
            .iter()
            .any(|&(memory_kib, iterations)| cost.memory_kib >= memory_kib && cost.iterations >= iterations);
        if !strong && !self.weak {
            return Err(ConfigError::new(
                field,
                format!("{cost} is too weak"),
                "set 19456 KiB and 2 passes or more, or one of 47104/1, 12288/3, 9216/4, 7168/5",
            ));
        }
        Ok(())
    }

    fn check_bcrypt(&self, cost: u32) -> Result<(), ConfigError> {
        let (field, floor) =
            if self.weak { ("danger_weak_bcrypt", bcrypt::LOWEST_COST) } else { ("bcrypt", OWASP_BCRYPT) };
        if cost < floor {
            return Err(ConfigError::new(
                field,
                format!("cost {cost} is too low"),
                format!("set {floor} or more; 12 is a good start"),
            ));
        }
        if cost > self.ceilings.bcrypt {
            return Err(ConfigError::new(
                field,
                format!("cost {cost} is above the ceiling for stored hashes, so no new hash would verify"),
                format!("stay within {}, or raise bcrypt_ceiling", self.ceilings.bcrypt),
            ));
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let (shortest, longest) = PASSWORD_BYTES;
        if !(shortest..=longest).contains(&self.max_password_bytes) {
            return Err(ConfigError::new(
                "max_password_bytes",
                format!("{} is out of range", self.max_password_bytes),
                format!("set {shortest} to {longest}"),
            ));
        }
        if self.concurrency.is_some_and(|hashes| !(1..=MOST_CONCURRENT).contains(&hashes)) {
            return Err(ConfigError::new(
                "concurrency",
                "the number of concurrent hashes is out of range",
                format!("set 1 to {MOST_CONCURRENT}; the number of cores is best"),
            ));
        }
        if self.queue_limit > MOST_QUEUED {
            return Err(ConfigError::new(
                "queue_limit",
                format!("{} is out of range", self.queue_limit),
                format!("set 0 to {MOST_QUEUED}"),
            ));
        }
        if self.queue_wait.is_zero() || self.queue_wait > LONGEST_WAIT {
            return Err(ConfigError::new(
                "queue_wait",
                "the wait is zero or above 60 s",
                "set more than zero and at most 60 s; to disable waiting, set queue_limit to 0",
            ));
        }
        Ok(())
    }
}

impl Default for PasswordConfig {
    /// The same as [`PasswordConfig::argon2id`].
    fn default() -> Self {
        Self::argon2id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(config: &PasswordConfig) -> Option<&'static str> {
        config.check().err().map(|error| error.field())
    }

    #[test]
    fn every_owasp_equal_is_accepted_and_one_step_below_is_not() {
        for (memory_kib, iterations) in OWASP_ARGON2ID {
            assert_eq!(field(&PasswordConfig::argon2id_with(memory_kib, iterations, 1)), None);
            assert_eq!(field(&PasswordConfig::argon2id_with(memory_kib, iterations, 4)), None);
            let weaker = PasswordConfig::argon2id_with(memory_kib - 1, iterations, 1);
            assert_eq!(field(&weaker), Some("argon2id_with"));
        }
        assert_eq!(field(&PasswordConfig::default()), None);
        assert_eq!(field(&PasswordConfig::argon2id_with(19_456, 1, 1)), Some("argon2id_with"));
        assert_eq!(field(&PasswordConfig::argon2id_with(65_536, 3, 4)), None);
    }

    #[test]
    fn impossible_and_excessive_costs_are_refused() {
        for (memory_kib, iterations, parallelism) in [
            (262_145, 2, 1),
            (19_456, 17, 1),
            (19_456, 2, 17),
            (19_456, 2, 0),
            (19_456, 0, 1),
            (u32::MAX, 1, 1),
        ] {
            let config = PasswordConfig::argon2id_with(memory_kib, iterations, parallelism);
            assert_eq!(field(&config), Some("argon2id_with"));
        }
        assert_eq!(field(&PasswordConfig::argon2id_with(262_144, 16, 16)), None);
        assert_eq!(field(&PasswordConfig::danger_weak_argon2id(8, 1, 1)), None);
        for (memory_kib, parallelism) in [(7, 1), (15, 2), (0, 0)] {
            let config = PasswordConfig::danger_weak_argon2id(memory_kib, 1, parallelism);
            assert_eq!(field(&config), Some("danger_weak_argon2id"));
        }
    }

    #[test]
    fn bcrypt_has_a_floor_and_a_ceiling() {
        assert_eq!(field(&PasswordConfig::bcrypt(9)), Some("bcrypt"));
        assert_eq!(field(&PasswordConfig::bcrypt(10)), None);
        assert_eq!(field(&PasswordConfig::bcrypt(16)), None);
        assert_eq!(field(&PasswordConfig::bcrypt(17)), Some("bcrypt"));
        assert_eq!(field(&PasswordConfig::bcrypt(17).bcrypt_ceiling(17)), None);
        assert_eq!(field(&PasswordConfig::danger_weak_bcrypt(3)), Some("danger_weak_bcrypt"));
        assert_eq!(field(&PasswordConfig::danger_weak_bcrypt(4)), None);
    }

    #[test]
    fn ceilings_go_up_to_the_hard_bound_and_not_below_the_target() {
        let config = PasswordConfig::argon2id;
        assert_eq!(field(&config().argon2_ceiling(1_048_576, 32, 64)), None);
        assert_eq!(field(&config().argon2_ceiling(1_048_577, 32, 64)), Some("argon2_ceiling"));
        assert_eq!(field(&config().argon2_ceiling(1_048_576, 33, 64)), Some("argon2_ceiling"));
        assert_eq!(field(&config().argon2_ceiling(1_048_576, 32, 65)), Some("argon2_ceiling"));
        assert_eq!(field(&config().argon2_ceiling(0, 0, 0)), Some("argon2_ceiling"));
        assert_eq!(field(&config().argon2_ceiling(19_456, 2, 1)), None);
        assert_eq!(field(&config().argon2_ceiling(19_455, 2, 1)), Some("argon2id_with"));
        assert_eq!(field(&config().bcrypt_ceiling(3)), Some("bcrypt_ceiling"));
        assert_eq!(field(&config().bcrypt_ceiling(4)), None);
        assert_eq!(field(&config().bcrypt_ceiling(18)), None);
        assert_eq!(field(&config().bcrypt_ceiling(19)), Some("bcrypt_ceiling"));
    }

    #[test]
    fn every_limit_holds_at_its_edges() {
        let config = PasswordConfig::argon2id;
        for (config, refused) in [
            (config().max_password_bytes(63), Some("max_password_bytes")),
            (config().max_password_bytes(64), None),
            (config().max_password_bytes(4096), None),
            (config().max_password_bytes(4097), Some("max_password_bytes")),
            (config().concurrency(0), Some("concurrency")),
            (config().concurrency(1), None),
            (config().concurrency(512), None),
            (config().concurrency(513), Some("concurrency")),
            (config().queue_limit(0), None),
            (config().queue_limit(65_536), None),
            (config().queue_limit(65_537), Some("queue_limit")),
            (config().queue_wait(Duration::ZERO), Some("queue_wait")),
            (config().queue_wait(Duration::from_nanos(1)), None),
            (config().queue_wait(LONGEST_WAIT), None),
            (config().queue_wait(LONGEST_WAIT + Duration::from_nanos(1)), Some("queue_wait")),
        ] {
            assert_eq!(field(&config), refused, "{config:?}");
        }
    }
}
