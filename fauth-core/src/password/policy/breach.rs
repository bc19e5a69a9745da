//! [`BreachCheck`]: whether a password has been leaked, with a time limit on the answer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Semaphore, time};

use crate::{
    BoxError,
    error::causes,
    escape::Escaped,
    password::error::{PasswordError, UnacceptablePassword},
};

/// The number of concurrent checks. Without a limit, a slow check would pile up waiting requests.
const MOST_AT_ONCE: usize = 64;

pub(super) const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A source of leaked passwords: a service such as Have I Been Pwned, or a database of your own.
///
/// ```
/// use fauth_core::{BoxError, async_trait, password::{BreachCheck, PasswordPolicy}};
/// # async fn ask_by_the_first_five_digits_of_its_sha1(_: &str) -> Result<bool, std::io::Error> {
/// #     Ok(false)
/// # }
///
/// struct Pwned;
///
/// #[async_trait]
/// impl BreachCheck for Pwned {
///     async fn is_breached(&self, password: &str) -> Result<bool, BoxError> {
///         Ok(ask_by_the_first_five_digits_of_its_sha1(password).await?)
///     }
/// }
///
/// let policy = PasswordPolicy::new().breach_check(Pwned);
/// ```
///
/// # Security
///
/// Send neither the password nor its whole hash to anybody. Have I Been Pwned takes the first five
/// digits of its SHA-1 and returns all hashes that begin with them.
#[async_trait]
pub trait BreachCheck: Send + Sync + 'static {
    /// Returns `true` if this password has been leaked.
    ///
    /// # Errors
    ///
    /// If the check fails. The error is logged; do not put the password into it.
    async fn is_breached(&self, password: &str) -> Result<bool, BoxError>;
}

/// What happens to a new password that a [`BreachCheck`] could not check, because it failed or took
/// too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenUnchecked {
    /// It is refused for now, with 503: nobody can sign up or change a password while the service
    /// is down.
    #[default]
    Refuse,
    /// It is accepted, if it passes the other rules.
    Accept,
}

/// The check, and the limit on concurrent checks.
#[derive(Clone)]
pub(super) struct Breaches {
    check: Arc<dyn BreachCheck>,
    room: Arc<Semaphore>,
}

impl Breaches {
    pub(super) fn new(check: impl BreachCheck) -> Self {
        Self { check: Arc::new(check), room: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    pub(super) async fn check(
        &self,
        password: &str,
        limit: Duration,
        when_unchecked: WhenUnchecked,
    ) -> Result<(), PasswordError> {
        // Refused whatever `when_unchecked` says: a flood must not get passwords past the check.
        let Ok(_room) = self.room.try_acquire() else {
            tracing::warn!(
                target: "fauth",
                "a new password was not checked for breaches: too many checks are in progress"
            );
            return Err(PasswordError::Busy { retry_after: Duration::from_secs(1) });
        };
        let problem = match time::timeout(limit, self.check.is_breached(password)).await {
            Ok(Ok(false)) => return Ok(()),
            Ok(Ok(true)) => return Err(PasswordError::Unacceptable(UnacceptablePassword::Breached)),
            Ok(Err(error)) => causes(&*error),
            Err(_) => "no answer within the limit".to_owned(),
        };
        tracing::error!(
            target: "fauth",
            error = %Escaped(&problem),
            then = ?when_unchecked,
            "a new password could not be checked for breaches"
        );
        match when_unchecked {
            WhenUnchecked::Accept => Ok(()),
            WhenUnchecked::Refuse => Err(PasswordError::Unchecked),
        }
    }
}
