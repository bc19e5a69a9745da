//! The door: takes a password in, lets an answer out.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use super::{
    config::PasswordConfig,
    cost::{Broken, Meter},
    error::{PasswordError, UnacceptablePassword},
    pool::Pool,
    scheme::{NO_PASSWORD, StoredHash, Unusable},
};
use crate::ConfigError;

/// What [`PasswordHasher::verify`] found.
///
/// # Security
///
/// [`Mismatch`](Self::Mismatch) says nothing about why, and the answer to a request must not either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Verification {
    /// The password is right.
    Match,
    /// The password is right, and the stored hash is weaker than a new one would be.
    ///
    /// [Hash](PasswordHasher::hash) the password again and store that in place of the old hash, but only if the old
    /// one is still there: a password change in the meantime wins. If storing fails, the login succeeds all the same.
    /// Given only for passwords that `hash` accepts.
    MatchNeedsRehash,
    /// The password is wrong, or there is nothing that it could be right for.
    Mismatch,
}

impl Verification {
    /// Is the password right?
    #[must_use]
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Match | Self::MatchNeedsRehash)
    }
}

/// Hashes and verifies passwords on Tokio's blocking pool, within the bounds of its [`PasswordConfig`].
///
/// Clones share one pool, so make one hasher for the whole service. It needs a Tokio runtime with time enabled, as
/// `#[tokio::main]` makes it.
///
/// # Security
///
/// A stored hash of another scheme or cost takes another time than the dummy does. While old hashes are being
/// replaced, an attacker with a stopwatch may learn that an account exists and still has an old one;
/// [`MatchNeedsRehash`](Verification::MatchNeedsRehash) is how they disappear.
#[derive(Clone)]
pub struct PasswordHasher {
    inner: Arc<Inner>,
}

struct Inner {
    config: PasswordConfig,
    pool: Pool,
    dummy: StoredHash,
    meter: Meter,
}

impl PasswordHasher {
    /// Checks the configuration and makes the dummy hash for users who have none.
    ///
    /// The dummy has the scheme and cost of new hashes, and salt and digest are random. It belongs to no password.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the setting which is too weak, too expensive or out of range, or that the
    /// operating system has no randomness.
    pub fn new(config: PasswordConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let dummy = StoredHash::dummy(config.target()).map_err(|_| {
            ConfigError::new(
                "password",
                "the operating system gave no randomness",
                "let the process call getrandom or read /dev/urandom",
            )
        })?;
        let pool = Pool::new(config.slots(), config.queue());
        Ok(Self { inner: Arc::new(Inner { config, pool, dummy, meter: Meter::default() }) })
    }

    /// Hashes a new password with a fresh random salt, into the string to store.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::Unacceptable`]: the password is empty, contains NUL, or is too long (1024 bytes by default,
    ///   71 for bcrypt). Found before any work.
    /// - [`PasswordError::Busy`]: too many hashes run and wait.
    /// - [`PasswordError::Failed`]: the hasher broke.
    ///
    /// # Panics
    ///
    /// If it has to wait in a Tokio runtime without time.
    ///
    /// # Security
    ///
    /// This is no password policy: `a` is acceptable here.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.inner.check_new(password).map_err(PasswordError::Unacceptable)?;
        let target = self.inner.config.target();
        self.run(password, move |inner, password| target.create(password, &inner.meter)).await
    }

    /// Compares a password with the stored hash of the user, in constant time.
    ///
    /// `None` stands for an unknown user or one without a password. It costs one full verification of a dummy and is a
    /// [`Mismatch`](Verification::Mismatch), and so does and is every stored hash that cannot be used: of an unknown
    /// scheme, malformed, with parameters above the ceiling, or with a password that its scheme cannot take in.
    ///
    /// A password that is empty, contains NUL or is longer than
    /// [`max_password_bytes`](PasswordConfig::max_password_bytes) is a mismatch at once, before the stored hash is
    /// looked at. That is the same for every user, known or not, so it tells nothing.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`] and [`PasswordError::Failed`]. Neither depends on whether the user exists.
    ///
    /// # Panics
    ///
    /// If it has to wait in a Tokio runtime without time.
    ///
    /// # Security
    ///
    /// Call it for unknown users too, with `None`. Returning early for them tells by the time who has an account.
    /// Check whether the user is active afterwards, not before.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verification, PasswordError> {
        if !self.takes_in(password) {
            return Ok(Verification::Mismatch);
        }
        let genuine = stored.and_then(|stored| self.inner.usable(stored, password));
        let needs_rehash = genuine.as_ref().is_some_and(|hash| hash.is_below(self.inner.config.target()))
            && self.inner.check_new(password).is_ok();
        let matched = self
            .run(password, move |inner, password| match &genuine {
                Some(hash) => hash.matches(password, &inner.meter),
                None => inner.dummy.spend(password, &inner.meter).map(|()| false),
            })
            .await?;
        Ok(match (matched, needs_rehash) {
            (true, false) => Verification::Match,
            (true, true) => Verification::MatchNeedsRehash,
            (false, _) => Verification::Mismatch,
        })
    }

    /// Could this password be anybody's? If not, [`verify`](Self::verify) says so without any work.
    pub(crate) fn takes_in(&self, password: &str) -> bool {
        check(password, self.inner.config.longest_password()).is_ok()
    }

    /// Is the stored hash something else than [`hash`](Self::hash) would make, or weaker?
    ///
    /// True for another scheme, an Argon2 variant or version other than Argon2id 19, and a lower cost, shorter salt or
    /// shorter hash. True as well for a hash that cannot be used at all. `$2a$`, `$2b$` and `$2y$` are one scheme.
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        let config = &self.inner.config;
        StoredHash::parse(stored, config.ceilings()).map_or(true, |hash| hash.is_below(config.target()))
    }

    async fn run<T, J>(&self, password: &str, job: J) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        J: FnOnce(&Inner, &[u8]) -> Result<T, Broken> + Send + 'static,
    {
        let password = Zeroizing::new(password.to_owned());
        let inner = Arc::clone(&self.inner);
        self.inner.pool.run(move || job(&inner, password.as_bytes())).await
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Inner {
    fn check_new(&self, password: &str) -> Result<(), UnacceptablePassword> {
        let longest = self.config.longest_password();
        check(password, longest.min(self.config.target().longest_new_password()))
    }

    /// The stored hash, if it can be compared with this password.
    fn usable(&self, stored: &str, password: &str) -> Option<StoredHash> {
        match StoredHash::parse(stored, self.config.ceilings()) {
            Ok(hash) => (password.len() <= hash.longest_password()).then_some(hash),
            Err(Unusable { scheme: NO_PASSWORD, .. }) => None,
            Err(Unusable { scheme, problem }) => {
                tracing::warn!(target: "fauth", scheme, problem, "a stored password hash cannot be used");
                None
            }
        }
    }
}

fn check(password: &str, longest: usize) -> Result<(), UnacceptablePassword> {
    // The length first: whatever is looked for next is then looked for in few bytes.
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
        super::cost::{ArgonCost, Cost},
        *,
    };

    const ARGON2: ArgonCost = ArgonCost { memory_kib: 16, iterations: 2, parallelism: 1 };

    fn argon2() -> PasswordHasher {
        PasswordHasher::new(PasswordConfig::danger_weak_argon2id(16, 2, 1)).unwrap()
    }

    fn bcrypt() -> PasswordHasher {
        PasswordHasher::new(PasswordConfig::danger_weak_bcrypt(5)).unwrap()
    }

    /// Unusable for every password.
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
        "$scrypt$ln=17,r=8,p=1$c29tZXNhbHQ$WhZiGPRdlDjPkKV4qVN1Pw",
        "pbkdf2_sha256$600000$salt$aGFzaA==",
        "$6$salt$aGFzaA",
    ];

    #[tokio::test]
    async fn whatever_the_reason_a_mismatch_does_the_work_of_one() {
        for (hasher, one_run) in [(argon2(), Cost::Argon2(ARGON2)), (bcrypt(), Cost::Bcrypt(5))] {
            let work = || hasher.inner.meter.take();
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

            // Too long for bcrypt, but not for the front door: found after the lookup, and paid for.
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
    async fn what_is_refused_at_the_door_does_no_work_for_anyone() {
        for hasher in [argon2(), bcrypt()] {
            let current = hasher.hash("right").await.unwrap();
            hasher.inner.meter.take();
            for password in ["", "\0", "right\0", "right\0right", &"x".repeat(1025)] {
                for stored in [Some(&*current), None, Some("garbage")] {
                    assert_eq!(hasher.verify(password, stored).await, Ok(Verification::Mismatch));
                }
                assert!(matches!(hasher.hash(password).await, Err(PasswordError::Unacceptable(_))));
            }
            assert_eq!(hasher.inner.meter.take(), []);
        }
    }

    #[tokio::test]
    async fn a_foreign_hash_does_its_own_work_and_no_more() {
        let hasher = argon2();
        let stored = bcrypt().hash("right").await.unwrap();
        assert_eq!(hasher.verify("right", Some(&stored)).await, Ok(Verification::MatchNeedsRehash));
        assert_eq!(hasher.verify("wrong", Some(&stored)).await, Ok(Verification::Mismatch));
        assert_eq!(hasher.inner.meter.take(), [Cost::Bcrypt(5), Cost::Bcrypt(5)]);
    }

    #[tokio::test]
    async fn even_a_matching_dummy_is_a_mismatch() {
        let mut hasher = argon2();
        let stored = hasher.hash("known").await.unwrap();
        let inner = Arc::get_mut(&mut hasher.inner).unwrap();
        inner.dummy = StoredHash::parse(&stored, inner.config.ceilings()).unwrap();
        assert_eq!(hasher.verify("known", Some(&stored)).await, Ok(Verification::Match), "control");
        assert_eq!(hasher.verify("known", None).await, Ok(Verification::Mismatch));
    }

    /// Keeps the text of every event.
    struct Log(Arc<Mutex<Vec<String>>>);

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
            line("scrypt", "unsupported scheme"),
            line("pbkdf2", "unsupported scheme"),
            line("sha512-crypt", "unsupported scheme"),
            line("unknown", "longer than any password hash"),
        ];
        assert_eq!(lines, expected);
    }
}
