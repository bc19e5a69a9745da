//! [`PasswordPolicy`]: which new passwords are accepted.

mod blocklist;
mod breach;
mod keyboard;
mod new_password;
mod rules;

use std::{fmt, sync::Arc, time::Duration};

use self::breach::Breaches;
use super::error::{PasswordError, UnacceptablePassword};
use crate::ConfigError;

pub use self::{
    blocklist::Blocklist,
    breach::{BreachCheck, WhenUnchecked},
    new_password::NewPassword,
};

/// The longest password that is checked, in bytes. No hasher accepts more.
const MOST_BYTES: usize = 4096;

const LENGTHS: (usize, usize) = (8, 64);

/// The rules for new passwords: long ones, and none that attackers try first.
///
/// The rules follow NIST SP 800-63B and OWASP ASVS. There are no rules about kinds of characters,
/// and no password has to be changed after some time.
///
/// | rule | default |
/// |---|---|
/// | minimum length in characters (code points) | 15; 8 with a second factor |
/// | maximum length in bytes | that of [`max_password_bytes`](super::PasswordConfig::max_password_bytes) |
/// | repetitions (`abcabcabcabcabc`) and sequences of characters or keys (`123456789012345`, `qwertyuiopasdfg`) | refused |
/// | little besides the name of the application, the user name or the e-mail address | refused |
/// | [`blocklist`](Self::blocklist) of common passwords | none |
/// | [`breach_check`](Self::breach_check), such as a service that knows leaked passwords | none |
///
/// A provider applies its policy where it hashes new passwords, and never at a login: users with an
/// older password keep it until they change it. The policy of a provider is
/// [`PasswordPolicy::new`], unless [`password_policy`](crate::AuthProviderBuilder::password_policy)
/// sets another one. [`check`](Self::check) applies a policy elsewhere.
///
/// ```
/// use fauth_core::password::{
///     Blocklist, NewPassword, PasswordError, PasswordPolicy, UnacceptablePassword,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let common = Blocklist::from_words(["correcthorsebatterystaple"]);
/// let policy = PasswordPolicy::new().blocklist(common);
/// let password = |text| NewPassword::new(text).identifier("anna.schmidt@example.com");
///
/// assert_eq!(policy.check(&password("green ideas sleep")).await, Ok(()));
/// for (text, reason) in [
///     ("green ideas", UnacceptablePassword::TooShort { minimum: 15 }),
///     ("anna.schmidt2026", UnacceptablePassword::ContextWord),
///     ("CorrectHorseBatteryStaple1", UnacceptablePassword::Common),
///     ("correct correct ", UnacceptablePassword::Repetitive),
/// ] {
///     let answer = policy.check(&password(text)).await;
///     assert_eq!(answer, Err(PasswordError::Unacceptable(reason)), "{text}");
/// }
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until it is given to a provider or checked"]
pub struct PasswordPolicy {
    min_characters: usize,
    danger: bool,
    /// In lower case.
    words: Vec<Box<str>>,
    blocklist: Option<Arc<Blocklist>>,
    breaches: Option<Breaches>,
    when_unchecked: WhenUnchecked,
    breach_timeout: Duration,
}

impl PasswordPolicy {
    /// Requires at least 15 characters, and refuses repetitions, sequences and passwords with
    /// little besides a name.
    pub const fn new() -> Self {
        Self {
            min_characters: 15,
            danger: false,
            words: Vec::new(),
            blocklist: None,
            breaches: None,
            when_unchecked: WhenUnchecked::Refuse,
            breach_timeout: Duration::from_secs(2),
        }
    }

    /// As [`new`](Self::new), but with at least 8 characters. For applications in which every user
    /// has a second factor.
    pub const fn with_second_factor() -> Self {
        Self::new().min_characters(8)
    }

    /// Sets the minimum number of characters (code points), from 8 to 64. Default 15.
    pub const fn min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters;
        self.danger = false;
        self
    }

    /// Sets a minimum number of characters **below what is safe**, down to 1.
    ///
    /// # Security
    ///
    /// If the hashes are stolen, all passwords of up to seven characters can be tried within hours.
    pub const fn danger_min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters;
        self.danger = true;
        self
    }

    /// Adds words with which guesses about this application begin: the names of the application,
    /// the company and the product. The name of the application in the
    /// [`AuthConfig`](crate::AuthConfig) is included already, unless it is `default`.
    ///
    /// A password is refused if fewer than eight characters remain without such words. Words of
    /// fewer than four characters are ignored.
    pub fn context_words(mut self, words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.words.extend(words.into_iter().filter_map(|word| rules::context_word(word.as_ref())));
        self
    }

    /// Refuses the passwords in this list.
    pub fn blocklist(mut self, list: Blocklist) -> Self {
        self.blocklist = Some(Arc::new(list));
        self
    }

    /// Checks every password that passes the other rules for breaches.
    pub fn breach_check(mut self, check: impl BreachCheck) -> Self {
        self.breaches = Some(Breaches::new(check));
        self
    }

    /// Sets how long the [`breach_check`](Self::breach_check) may take, above zero and at most
    /// 30 s. Default 2 s.
    pub const fn breach_timeout(mut self, limit: Duration) -> Self {
        self.breach_timeout = limit;
        self
    }

    /// Sets what happens to a password if the [`breach_check`](Self::breach_check) fails or takes
    /// too long. Default: it is refused for now, with 503.
    pub const fn when_unchecked(mut self, choice: WhenUnchecked) -> Self {
        self.when_unchecked = choice;
        self
    }

    /// Applies the policy to a password. This does not check whether a hasher accepts it.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::Unacceptable`] with the rule that the password breaks.
    /// - [`PasswordError::Unchecked`] if the breach check has failed or taken too long, unless
    ///   [`when_unchecked`](Self::when_unchecked) says otherwise. The log has the reason.
    /// - [`PasswordError::Busy`] if 64 breach checks are in progress.
    ///
    /// # Panics
    ///
    /// If it waits for a breach check in a Tokio runtime without a timer.
    pub async fn check(&self, password: &NewPassword<'_>) -> Result<(), PasswordError> {
        self.apply(password, password.text()).await
    }

    /// As [`check`](Self::check), with the password in the form in which it is hashed.
    pub(crate) async fn apply(&self, password: &NewPassword<'_>, text: &str) -> Result<(), PasswordError> {
        self.judge(password, text).map_err(PasswordError::Unacceptable)?;
        match &self.breaches {
            Some(breaches) => breaches.check(text, self.breach_timeout, self.when_unchecked).await,
            None => Ok(()),
        }
    }

    fn judge(&self, password: &NewPassword<'_>, text: &str) -> Result<(), UnacceptablePassword> {
        if text.len() > MOST_BYTES {
            return Err(UnacceptablePassword::TooLong { limit: MOST_BYTES });
        }
        if text.chars().take(self.min_characters).count() < self.min_characters {
            return Err(UnacceptablePassword::TooShort { minimum: self.min_characters });
        }
        let lower = rules::lower_case(text);
        if rules::is_repetitive(&lower) {
            return Err(UnacceptablePassword::Repetitive);
        }
        let words = self.words.iter().map(|word| &**word).chain(password.words());
        if rules::is_little_but(&lower, words) {
            return Err(UnacceptablePassword::ContextWord);
        }
        if self.blocklist.as_ref().is_some_and(|list| list.has(&lower)) {
            return Err(UnacceptablePassword::Common);
        }
        Ok(())
    }

    pub(crate) fn check_settings(&self) -> Result<(), ConfigError> {
        let (shortest, longest) = LENGTHS;
        let (field, least) =
            if self.danger { ("danger_min_characters", 1) } else { ("min_characters", shortest) };
        if !(least..=longest).contains(&self.min_characters) {
            return Err(ConfigError::new(
                field,
                format!("{} characters is out of range", self.min_characters),
                format!("set {least} to {longest}; 15, or 8 with a second factor"),
            ));
        }
        if self.breach_timeout.is_zero() || self.breach_timeout > breach::LONGEST_TIMEOUT {
            return Err(ConfigError::new(
                "breach_timeout",
                "the limit is zero or above 30 s",
                "set more than zero and at most 30 s",
            ));
        }
        Ok(())
    }
}

impl Default for PasswordPolicy {
    /// The same as [`PasswordPolicy::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy")
            .field("min_characters", &self.min_characters)
            .field("words", &self.words)
            .field("blocklist", &self.blocklist)
            .field("has_breach_check", &self.breaches.is_some())
            .field("when_unchecked", &self.when_unchecked)
            .finish_non_exhaustive()
    }
}
