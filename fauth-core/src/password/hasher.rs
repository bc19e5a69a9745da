//! [`PasswordHasher`]: hashes new passwords, and verifies passwords against stored hashes.
//!
//! This file decides which passwords are accepted, whether a stored hash can be used, and what is
//! verified if it cannot. It computes nothing itself: `scheme` parses and computes hashes, and
//! `pool` runs that on Tokio's blocking pool.
//!
//! The rule behind [`verify`](PasswordHasher::verify): after a first check, which is the same for
//! every user, each call costs one verification. Where there is no usable hash, that is one of a
//! dummy. So the response time does not tell whether an account exists, with the exception that
//! [`PasswordHasher`] documents for old hashes.

use std::{fmt, ops::Deref, sync::Arc};

use zeroize::Zeroizing;

use super::{
    config::PasswordConfig,
    cost::{Broken, Means},
    error::{PasswordError, UnacceptablePassword},
    line::OnBehalfOf,
    named::Named,
    normal::Normal,
    pool::{self, Pool, Slot},
    scheme::StoredHash,
    unusable::{NO_PASSWORD, Unusable},
};
use crate::{ConfigError, client::ClientInfo};

/// The outcome of [`PasswordHasher::verify`].
///
/// # Security
///
/// [`Mismatch`](Self::Mismatch) does not say why, and the response to the client must not either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Verification {
    /// The password is right.
    Match,
    /// The password is right, but the stored hash is weaker than a new one, or of another scheme.
    ///
    /// [Hash](PasswordHasher::hash) the password again and store the result in place of the old
    /// hash, but only if the old hash is still stored: a password change in the meantime takes
    /// precedence. If storing fails, the login still succeeds.
    ///
    /// Returned only for passwords that `hash` accepts.
    MatchNeedsRehash,
    /// The password is wrong, or there is no usable hash to verify it against.
    Mismatch,
}

impl Verification {
    /// Returns `true` if the password is right, whether or not its hash is to be replaced.
    #[must_use]
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Match | Self::MatchNeedsRehash)
    }
}

/// Hashes and verifies passwords on Tokio's blocking pool, within the limits of a
/// [`PasswordConfig`].
///
/// Clones share the hashing slots and the queue, so make one hasher for the whole service. It
/// needs a Tokio runtime with its timer enabled, as `#[tokio::main]` makes it.
///
/// # Security
///
/// Verifying a stored hash of another scheme or cost takes a different time than verifying the
/// dummy. While there are such hashes, an attacker who measures response times may learn that an
/// account exists and still has an old hash. Replace such hashes on
/// [`MatchNeedsRehash`](Verification::MatchNeedsRehash). Until they are gone, make every login take
/// as long with [`PasswordConfig::equalise_with`].
#[derive(Clone)]
pub struct PasswordHasher {
    inner: Arc<Inner>,
}

struct Inner {
    config: PasswordConfig,
    pool: Pool,
    /// Verified where there is no usable hash, to spend the same time.
    dummy: StoredHash,
    /// Verified in addition to every hash while there are old hashes, to spend the same time.
    old_dummy: Option<StoredHash>,
    means: Means,
    named: Named,
}

impl PasswordHasher {
    /// Checks the configuration, and makes the dummy hash that stands in for users without a hash.
    ///
    /// The dummy has the scheme and cost of new hashes. Its salt and digest are random: it is not
    /// the hash of any password.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting is too weak, too expensive or out of range, or if the operating
    /// system provides no randomness. The error names the setting.
    pub fn new(config: PasswordConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let dummy = config.target().dummy().map_err(no_randomness)?;
        let old_dummy = config.sample().map(|sample| old_dummy(sample, &config)).transpose()?;
        // Where new hashes cost the same, the one dummy is enough.
        let old_dummy = old_dummy.filter(|old| old.work() != dummy.work());
        let pool = Pool::new(config.slots(), config.queue());
        let (means, named) = (Means::default(), Named::default());
        Ok(Self { inner: Arc::new(Inner { config, pool, dummy, old_dummy, means, named }) })
    }

    /// Hashes a new password with a fresh random salt, and returns the string to store.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::Unacceptable`]: the password is empty, contains NUL, or is longer than
    ///   the limit (1024 bytes by default, 71 for bcrypt). This is checked before any hashing.
    /// - [`PasswordError::Busy`]: every hashing slot is taken, and the queue is full or the wait
    ///   limit has passed.
    /// - [`PasswordError::Failed`]: the hash could not be computed. The log has the reason.
    ///
    /// # Panics
    ///
    /// If it has to wait for a slot in a Tokio runtime without a timer.
    ///
    /// # Security
    ///
    /// This enforces no password policy: `a` is accepted. A provider enforces one
    /// ([`PasswordPolicy`](super::PasswordPolicy)).
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.hash_for(OnBehalfOf::Client(&ClientInfo::unknown()), password).await
    }

    /// As [`hash`](Self::hash), on behalf of a client or user, which decides the order while the
    /// hasher is busy.
    ///
    /// # Errors
    ///
    /// As [`hash`](Self::hash).
    ///
    /// # Panics
    ///
    /// As [`hash`](Self::hash).
    pub async fn hash_for(
        &self,
        on_behalf_of: impl Into<OnBehalfOf<'_>> + Send,
        password: &str,
    ) -> Result<String, PasswordError> {
        self.inner.check_new(password).map_err(PasswordError::Unacceptable)?;
        self.turn(on_behalf_of.into()).await?.hash(password).await
    }

    /// Compares a password with the stored hash of the user, in constant time.
    ///
    /// Pass `None` for an unknown user or one without a password: that costs one full
    /// verification, of a dummy, and returns [`Mismatch`](Verification::Mismatch). The same
    /// happens with every stored hash that cannot be used: one of an unknown scheme, a malformed
    /// one, one with parameters above the ceiling, or one whose scheme does not take a password
    /// of this length.
    ///
    /// A password that is empty, contains NUL or is longer than
    /// [`max_password_bytes`](PasswordConfig::max_password_bytes) is a mismatch at once, before
    /// the stored hash is looked at. That is the same for known and unknown users, so it does
    /// not reveal who has an account.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`] and [`PasswordError::Failed`]. Neither depends on whether the user
    /// exists.
    ///
    /// # Panics
    ///
    /// If it has to wait for a slot in a Tokio runtime without a timer.
    ///
    /// # Security
    ///
    /// Call it for unknown users too, with `None`. If you return early for them, the response time
    /// reveals who has an account. Check whether the user is active afterwards, not before.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verification, PasswordError> {
        if !self.takes_in(password) {
            return Ok(Verification::Mismatch);
        }
        let turn = self.turn(OnBehalfOf::Client(&ClientInfo::unknown())).await?;
        turn.verify(password, stored, None).await
    }

    /// Waits for a turn. The user is looked up while the turn is held, so that no more users are
    /// looked up than passwords are hashed.
    pub(crate) async fn turn(&self, on_behalf_of: OnBehalfOf<'_>) -> Result<Turn, PasswordError> {
        let turn = self.inner.pool.turn(on_behalf_of.place()).await?;
        Ok(Turn { inner: Arc::clone(&self.inner), turn: Arc::new(turn) })
    }

    /// Returns the form in which a new password would be hashed, if it can be hashed.
    pub(crate) fn acceptable(&self, password: &str) -> Result<impl Deref<Target = str>, PasswordError> {
        self.inner.check_new(password).map_err(PasswordError::Unacceptable)?;
        Ok(self.inner.normal(password))
    }

    /// Returns `true` if a password passes the first check of [`verify`](Self::verify), which is
    /// the same for all users: it is not empty, contains no NUL and is not too long. Otherwise no
    /// hash is computed.
    pub(crate) fn takes_in(&self, password: &str) -> bool {
        check(password, self.inner.config.longest_password()).is_ok()
    }

    /// Returns `true` if the stored hash is of another kind than [`hash`](Self::hash) makes, or
    /// weaker.
    ///
    /// That is a hash of another scheme, of an Argon2 variant or version other than Argon2id 19,
    /// with a lower cost, with a shorter salt or digest, or with another pepper than new hashes
    /// have, and any hash that cannot be used at all. `$2a$`, `$2b$` and `$2y$` are one scheme.
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        let config = &self.inner.config;
        StoredHash::parse(stored, config.reading()).map_or(true, |hash| hash.is_below(config.target()))
    }
}

/// The right to compute a hash or two. It lasts until the last of them has ended, even if nobody
/// waits for it any more.
pub(crate) struct Turn {
    inner: Arc<Inner>,
    turn: Arc<pool::Turn>,
}

impl Turn {
    /// As [`PasswordHasher::verify`]. `whose` is the keyed hash of an identifier, for the log.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
        whose: Option<&str>,
    ) -> Result<Verification, PasswordError> {
        if check(password, self.inner.config.longest_password()).is_err() {
            return Ok(Verification::Mismatch);
        }
        let normal = self.inner.normal(password);
        let genuine = stored.and_then(|stored| self.inner.usable(stored, &normal, whose));
        let needs_rehash = genuine.as_ref().is_some_and(|hash| hash.is_below(self.inner.config.target()))
            && self.inner.check_new(password).is_ok();
        let answer =
            self.run(&normal, move |inner, password| inner.answer(genuine.as_ref(), password)).await?;
        let matched = answer.unwrap_or_else(|unusable| {
            self.inner.named.name(stored.unwrap_or_default(), &unusable, whose);
            false
        });
        Ok(match (matched, needs_rehash) {
            (true, false) => Verification::Match,
            (true, true) => Verification::MatchNeedsRehash,
            (false, _) => Verification::Mismatch,
        })
    }

    /// As [`PasswordHasher::hash`].
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.inner.check_new(password).map_err(PasswordError::Unacceptable)?;
        self.run(&self.inner.normal(password), Inner::create).await
    }

    /// As [`hash`](Self::hash), if no other request has to wait for it.
    pub(crate) async fn hash_if_idle(&self, password: &str) -> Option<String> {
        self.inner.check_new(password).ok()?;
        let slot = self.inner.pool.free_slot()?;
        self.run_in(slot, &self.inner.normal(password), Inner::create).await.ok()
    }

    async fn run<T, J>(&self, password: &str, job: J) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        J: FnOnce(&Inner, &[u8]) -> Result<T, Broken> + Send + 'static,
    {
        let slot = self.inner.pool.slot().await?;
        self.run_in(slot, password, job).await
    }

    /// Runs a job on the blocking pool, with a copy of the password that is zeroed afterwards.
    async fn run_in<T, J>(&self, slot: Slot, password: &str, job: J) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        J: FnOnce(&Inner, &[u8]) -> Result<T, Broken> + Send + 'static,
    {
        let password = Zeroizing::new(password.to_owned());
        let (inner, turn) = (Arc::clone(&self.inner), Arc::clone(&self.turn));
        Pool::run(slot, turn, move || job(&inner, password.as_bytes())).await
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Inner {
    /// The first check of a new password. The limit of the scheme applies too.
    fn check_new(&self, password: &str) -> Result<(), UnacceptablePassword> {
        let longest = self.config.longest_password();
        check(password, longest)?;
        check(&self.normal(password), longest.min(self.config.target().longest_new_password()))
    }

    /// Returns the form in which a password is hashed. Its length must have been checked.
    fn normal<'a>(&self, password: &'a str) -> Normal<'a> {
        Normal::of(password, self.config.is_nfc())
    }

    fn create(&self, password: &[u8]) -> Result<String, Broken> {
        self.config.target().create(password, &self.means)
    }

    /// Returns whether the password is right, after the same work for every user: without a usable
    /// hash, the dummy is verified at the same cost and the answer discarded.
    fn answer(
        &self,
        genuine: Option<&StoredHash>,
        password: &[u8],
    ) -> Result<Result<bool, Unusable>, Broken> {
        let spend = |dummy: &StoredHash| dummy.spend(password, &self.means);
        let answer = match genuine {
            Some(hash) => hash.matches(password, &self.means)?,
            None => Ok(false),
        };
        if genuine.is_none() || answer.is_err() {
            spend(&self.dummy)?;
        }
        // One new and one old hash for every user: the kind that has not been verified yet.
        match (&self.old_dummy, genuine) {
            (Some(old), Some(hash)) if hash.work() == old.work() => spend(&self.dummy)?,
            (Some(old), _) => spend(old)?,
            (None, _) => {}
        }
        Ok(answer)
    }

    /// Parses the stored hash; `None` if this password cannot be compared with it.
    ///
    /// A hash that cannot be used leaves a warning in the log. A marker for "no password" does not,
    /// because it is no error.
    fn usable(&self, stored: &str, password: &str, whose: Option<&str>) -> Option<StoredHash> {
        match StoredHash::parse(stored, self.config.reading()) {
            Ok(hash) => (password.len() <= hash.longest_password()).then_some(hash),
            Err(Unusable { scheme: NO_PASSWORD, .. }) => None,
            Err(unusable) => {
                self.named.name(stored, &unusable, whose);
                None
            }
        }
    }
}

fn no_randomness(_: getrandom::Error) -> ConfigError {
    ConfigError::new(
        "password",
        "the operating system provides no randomness",
        "allow the process to call getrandom or to read /dev/urandom",
    )
}

/// Makes a dummy with the same work as the sample of old hashes.
fn old_dummy(sample: &str, config: &PasswordConfig) -> Result<StoredHash, ConfigError> {
    const FIELD: &str = "equalise_with";
    let mut hash = StoredHash::parse(sample, config.reading()).map_err(|unusable| {
        let problem = format!("the sample cannot be used ({}: {})", unusable.scheme, unusable.problem);
        ConfigError::new(
            FIELD,
            problem,
            "pass a hash as the old system stores it, with the feature of its scheme enabled",
        )
    })?;
    if hash.randomise().map_err(no_randomness)? {
        Ok(hash)
    } else {
        let problem = "the sample is of a scheme of your own, whose work is not known";
        Err(ConfigError::new(FIELD, problem, "pass a hash of a scheme that fauth supports"))
    }
}

fn check(password: &str, longest: usize) -> Result<(), UnacceptablePassword> {
    // The length first, so that the search for NUL reads a limited number of bytes.
    if password.len() > longest {
        Err(UnacceptablePassword::TooLong { limit: longest })
    } else if password.is_empty() {
        Err(UnacceptablePassword::Empty)
    } else if password.contains('\0') {
        Err(UnacceptablePassword::ContainsNul)
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use std::{fmt::Write as _, sync::Mutex};

    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use super::{
        super::cost::{ArgonCost, Work},
        *,
    };

    const ARGON2: ArgonCost = ArgonCost { memory_kib: 16, iterations: 2, parallelism: 1 };

    fn argon2() -> PasswordHasher {
        PasswordHasher::new(PasswordConfig::danger_weak_argon2id(16, 2, 1)).unwrap()
    }

    fn bcrypt() -> PasswordHasher {
        PasswordHasher::new(PasswordConfig::danger_weak_bcrypt(5)).unwrap()
    }

    /// Stored hashes that match no password.
    const UNUSABLE: [&str; 16] = [
        "",
        "!",
        "!abcdefghijklmnopqrstuvwxyz",
        "*",
        "plain text",
        "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
        "$2$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
        "$2b$31$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
        "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$WhZiGPRdlDjPkKV4qVN1Pw",
        "$argon2id$v=19$m=16,t=4294967295,p=1$c29tZXNhbHQ$WhZiGPRdlDjPkKV4qVN1Pw",
        "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ",
        "$argon2id$",
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
        "$scram$4096$QSXCR.Q6sek8bf92$sha-1=HZbuOlKbWl.eR8AfIposuKbhX30",
        "$6$salt$aGFzaA",
    ];

    #[tokio::test]
    async fn after_the_first_check_every_mismatch_costs_one_verification() {
        for (hasher, one_run) in [(argon2(), Work::Argon2(ARGON2)), (bcrypt(), Work::Bcrypt(5))] {
            let work = || hasher.inner.means.meter.take();
            let current = hasher.hash("right").await.unwrap();
            assert_eq!(work(), [one_run]);

            assert_eq!(hasher.verify("right", Some(&current)).await, Ok(Verification::Match));
            assert_eq!(work(), [one_run]);
            assert_eq!(hasher.verify("wrong", Some(&current)).await, Ok(Verification::Mismatch));
            assert_eq!(work(), [one_run]);
            assert_eq!(hasher.verify("wrong", None).await, Ok(Verification::Mismatch));
            assert_eq!(work(), [one_run]);
            for stored in UNUSABLE {
                assert_eq!(hasher.verify("wrong", Some(stored)).await, Ok(Verification::Mismatch));
                assert_eq!(work(), [one_run], "{stored}");
            }
            let oversized = "$2b$05$".repeat(100_000);
            assert_eq!(hasher.verify("wrong", Some(&oversized)).await, Ok(Verification::Mismatch));
            assert_eq!(work(), [one_run]);

            // Too long for bcrypt, but accepted by the first check: a mismatch that depends on the
            // stored hash must cost a full verification.
            let of_bcrypt = bcrypt().hash("right").await.unwrap();
            for bytes in [73, 100, 1024] {
                let long = "x".repeat(bytes);
                for stored in [Some(&*current), Some(&*of_bcrypt), None, Some("garbage")] {
                    assert_eq!(hasher.verify(&long, stored).await, Ok(Verification::Mismatch));
                    assert_eq!(work(), [one_run], "{bytes} bytes");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_password_refused_by_the_first_check_costs_nothing_for_any_user() {
        for hasher in [argon2(), bcrypt()] {
            let current = hasher.hash("right").await.unwrap();
            hasher.inner.means.meter.take();
            for password in ["", "\0", "right\0", "right\0right", &"x".repeat(1025)] {
                for stored in [Some(&*current), None, Some("garbage")] {
                    assert_eq!(hasher.verify(password, stored).await, Ok(Verification::Mismatch));
                }
                assert!(matches!(hasher.hash(password).await, Err(PasswordError::Unacceptable(_))));
            }
            assert_eq!(hasher.inner.means.meter.take(), []);
        }
    }

    #[tokio::test]
    async fn a_hash_of_another_scheme_costs_one_run_of_that_scheme() {
        let hasher = argon2();
        let stored = bcrypt().hash("right").await.unwrap();
        assert_eq!(hasher.verify("right", Some(&stored)).await, Ok(Verification::MatchNeedsRehash));
        assert_eq!(hasher.verify("wrong", Some(&stored)).await, Ok(Verification::Mismatch));
        assert_eq!(hasher.inner.means.meter.take(), [Work::Bcrypt(5), Work::Bcrypt(5)]);
    }

    /// Whoever logs in and whatever the outcome, the work is one new hash and one old hash.
    async fn costs_both(sample: &str, old: Work, of_old: &str) {
        let config = PasswordConfig::danger_weak_argon2id(16, 2, 1).equalise_with(sample);
        let hasher = PasswordHasher::new(config).unwrap();
        let current = argon2().hash("right").await.unwrap();
        let long = "x".repeat(100);
        for (password, stored, expected) in [
            ("right", Some(&*current), Verification::Match),
            ("wrong", Some(&*current), Verification::Mismatch),
            ("right", Some(of_old), Verification::MatchNeedsRehash),
            ("wrong", Some(of_old), Verification::Mismatch),
            (&*long, Some(&*current), Verification::Mismatch),
            (&*long, Some(of_old), Verification::Mismatch),
            (&*long, None, Verification::Mismatch),
            ("right", None, Verification::Mismatch),
            ("right", Some("!"), Verification::Mismatch),
            ("right", Some("garbage"), Verification::Mismatch),
        ] {
            assert_eq!(hasher.verify(password, stored).await, Ok(expected), "{password} {stored:?}");
            let mut work = hasher.inner.means.meter.take();
            work.sort_by_key(|work| *work == old);
            assert_eq!(work, [Work::Argon2(ARGON2), old], "{password} {stored:?}");
        }
        // A third kind stands out, as it does without a sample.
        let third = PasswordHasher::new(PasswordConfig::danger_weak_bcrypt(4)).unwrap();
        let third = third.hash("right").await.unwrap();
        assert_eq!(hasher.verify("right", Some(&third)).await, Ok(Verification::MatchNeedsRehash));
        assert_eq!(hasher.inner.means.meter.take(), [Work::Bcrypt(4), old]);
    }

    #[tokio::test]
    async fn with_a_sample_everybody_costs_one_new_and_one_old_hash() {
        let (sample, old) = (bcrypt().hash("sample").await.unwrap(), bcrypt().hash("right").await.unwrap());
        costs_both(&sample, Work::Bcrypt(5), &old).await;
        // An old hash that costs the same as a new one is not verified in addition.
        let config = PasswordConfig::danger_weak_bcrypt(5).equalise_with(sample);
        let hasher = PasswordHasher::new(config).unwrap();
        let _ = hasher.verify("right", Some(&old)).await;
        let _ = hasher.verify("right", None).await;
        assert_eq!(hasher.inner.means.meter.take(), [Work::Bcrypt(5), Work::Bcrypt(5)]);
    }

    #[cfg(feature = "foreign-hashes")]
    #[tokio::test]
    async fn a_sample_may_be_of_another_system() {
        use super::super::cost::{Digest, Pbkdf2Cost, ScryptCost};

        let tag = "0f".repeat(64);
        costs_both(
            &format!("pbkdf2:sha512:7$saltsalt${tag}"),
            Work::Pbkdf2(Pbkdf2Cost { digest: Digest::Sha512, rounds: 7, blocks: 1 }),
            "pbkdf2:sha512:7$othersalt$2278f78de7bbea4f3c706420e149594165a16ef8784b000dc236700047dba831d6d6289c93391326a34a7713896ba6188a080c60a3f56d766307fd69f4bbec39",
        )
        .await;
        costs_both(
            &format!("scrypt:16:8:1$saltsalt${tag}"),
            Work::Scrypt(ScryptCost { log_n: 4, r: 8, p: 1 }),
            "scrypt:16:8:1$othersalt$20b15e16fa61e63db833822bffd537c88c82214a5d507d49549864ae49e4d7826dcb57f0c49359ecc1d6535b6f17fbca50fd27f27ae4301530800f22cf116999",
        )
        .await;
    }

    #[tokio::test]
    async fn even_a_matching_dummy_is_a_mismatch() {
        let mut hasher = argon2();
        let stored = hasher.hash("known").await.unwrap();
        let inner = Arc::get_mut(&mut hasher.inner).unwrap();
        inner.dummy = StoredHash::parse(&stored, inner.config.reading()).unwrap();
        assert_eq!(hasher.verify("known", Some(&stored)).await, Ok(Verification::Match), "control");
        assert_eq!(hasher.verify("known", None).await, Ok(Verification::Mismatch));
    }

    /// A subscriber that keeps the text of every event.
    struct Log(Arc<Mutex<Vec<String>>>);

    /// The text of one event.
    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let _ = write!(self.0, " {field}={value:?}");
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn the_log_names_the_problem_but_neither_hash_nor_password() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let hasher = argon2();
        let debug = format!("{hasher:?}");
        assert!(debug.contains("memory_kib: 16") && !debug.contains("dummy"), "{debug}");
        tracing::subscriber::with_default(Log(Arc::clone(&lines)), || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                for stored in UNUSABLE {
                    let _ = hasher.verify("pa55phrase", Some(stored)).await;
                }
                let _ = hasher.verify("pa55phrase", None).await;
                let _ = hasher.verify("pa55phrase", Some(&"§".repeat(400))).await;
            });
        });
        let lines: Vec<_> =
            lines.lock().unwrap().iter().filter(|line| line.contains("fauth")).cloned().collect();
        let line = |scheme: &str, problem: &str| {
            format!(
                "WARN fauth message=a stored password hash cannot be used scheme={scheme:?} problem={problem:?}"
            )
        };
        let expected = [
            line("unknown", "unsupported scheme"),
            line("bcrypt", "bcrypt version of a faulty implementation"),
            line("bcrypt", "bcrypt version of a faulty implementation"),
            line("bcrypt", "bcrypt cost above the ceiling"),
            line("bcrypt", "not the form of a bcrypt hash"),
            line("argon2", "argon2 parameters above the ceiling"),
            line("argon2", "argon2 parameters above the ceiling"),
            line("argon2", "not the form of an argon2 hash"),
            line("argon2", "not the form of an argon2 hash"),
            line("scrypt of another dialect", "unsupported scheme"),
            line("scram", "unsupported scheme"),
            line("sha512-crypt", "unsupported scheme"),
            line("unknown", "longer than any password hash"),
        ];
        assert_eq!(lines, expected);
    }
}
