//! [`PasswordPolicy`]: which new passwords are good enough.

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

/// The most bytes of a password that is looked at. No hasher takes more.
const MOST_BYTES: usize = 4096;

const LENGTHS: (usize, usize) = (8, 64);

/// Which new passwords are accepted: long ones that nobody thinks of first.
///
/// The rules are those of NIST SP 800-63B and OWASP ASVS. There are none about kinds of characters,
/// and no password has to be changed because time has passed.
///
/// | rule | default |
/// |---|---|
/// | length in characters (code points), at least | 15; 8 where there is a second factor |
/// | length in bytes, at most | that of [`max_password_bytes`](super::PasswordConfig::max_password_bytes) |
/// | repetitions (`abcabcabcabcabc`) and rows of characters or keys (`123456789012345`, `qwertyuiopasdfg`) | refused |
/// | little but the name of the application, the user name or the e-mail address | refused |
/// | [`blocklist`](Self::blocklist) of common passwords | none |
/// | [`breach_check`](Self::breach_check), such as a service that knows leaked passwords | none |
///
/// A provider applies its policy where it hashes new passwords, and never at a login: whoever has
/// an older password keeps it until it is changed. Unless
/// [`password_policy`](crate::AuthProviderBuilder::password_policy) says otherwise, that is
/// [`PasswordPolicy::new`]. [`check`](Self::check) applies a policy elsewhere.
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
#[must_use = "a policy does nothing until it is given to a provider or asked"]
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
    /// At least 15 characters, and neither a repetition nor little but a name.
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

    /// As [`new`](Self::new), for users who all have a second factor: at least 8 characters.
    pub const fn with_second_factor() -> Self {
        Self::new().min_characters(8)
    }

    /// Sets the least number of characters (code points), from 8 to 64. Default 15.
    pub const fn min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters;
        self.danger = false;
        self
    }

    /// Sets the least number of characters **below what is safe**, down to 1.
    ///
    /// # Security
    ///
    /// All passwords of up to seven characters are tried in hours once the hashes are stolen.
    pub const fn danger_min_characters(mut self, characters: usize) -> Self {
        self.min_characters = characters;
        self.danger = true;
        self
    }

    /// Adds words that guesses about this application begin with: its name, that of the company,
    /// of the product. The name of the application in the [`AuthConfig`](crate::AuthConfig) is one
    /// already, unless it is `default`.
    ///
    /// A password is refused if fewer than eight characters are left without such words. Words of
    /// fewer than four characters are left out of account.
    pub fn context_words(mut self, words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.words.extend(words.into_iter().filter_map(|word| rules::context_word(word.as_ref())));
        self
    }

    /// Refuses what stands in this list.
    pub fn blocklist(mut self, list: Blocklist) -> Self {
        self.blocklist = Some(Arc::new(list));
        self
    }

    /// Asks this about every password that passes the other rules.
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

    /// Sets what becomes of a password if the [`breach_check`](Self::breach_check) fails or takes
    /// too long. Default: it is refused for now, with 503.
    pub const fn when_unchecked(mut self, choice: WhenUnchecked) -> Self {
        self.when_unchecked = choice;
        self
    }

    /// Applies the policy to a password. It does not say whether a hasher can take it.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::Unacceptable`] with the rule that it breaks.
    /// - [`PasswordError::Unchecked`] if the breach check has failed or taken too long, unless
    ///   [`when_unchecked`](Self::when_unchecked) says otherwise. The log has the reason.
    /// - [`PasswordError::Busy`] if 64 breach checks are under way.
    ///
    /// # Panics
    ///
    /// If it waits for a breach check in a Tokio runtime without a timer.
    pub async fn check(&self, password: &NewPassword<'_>) -> Result<(), PasswordError> {
        self.apply(password, password.text()).await
    }

    /// As [`check`](Self::check), with the form in which the password is hashed.
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
                format!("set {least} to {longest}; 15, or 8 where there is a second factor"),
            ));
        }
        if self.breach_timeout.is_zero() || self.breach_timeout > breach::LONGEST_TIMEOUT {
            return Err(ConfigError::new(
                "breach_timeout",
                "the limit is zero or too long",
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
