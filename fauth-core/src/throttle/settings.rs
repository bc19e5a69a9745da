//! The settings as an application writes them.

use std::time::Duration;

use super::rules::{DAY, HOUR, Rules};
use crate::{error::ConfigError, store::LimitWindow};

const MINUTE: Duration = Duration::from_secs(60);
const MOST_FAILURES: u32 = 100;
const LONGEST_FAMILIAR: Duration = Duration::from_secs(400 * 24 * 60 * 60); // not a status

/// The settings of the login throttle, for
/// [`AuthProviderBuilder::login_throttle`](crate::AuthProviderBuilder::login_throttle). [The module
/// documentation](super) explains them.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::throttle::LoginThrottle;
///
/// let throttle = LoginThrottle::new()
///     .by_account_and_address(10, Duration::from_secs(60))
///     .by_address(200, Duration::from_secs(60)) // a university behind one address
///     .longest_delay(Duration::from_secs(5 * 60));
/// let auth = fauth_testing::provider().login_throttle(throttle).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct LoginThrottle {
    pair: (u32, Duration),
    address: (u32, Duration),
    tokens: (u32, Duration),
    delays_after: u32,
    longest_delay: Duration,
    unlock_after: u32,
    familiar_for: Duration,
    counts_here: bool,
}

impl LoginThrottle {
    /// Creates the default settings.
    pub const fn new() -> Self {
        Self {
            pair: (5, MINUTE),
            address: (20, MINUTE),
            tokens: (20, MINUTE),
            delays_after: 5,
            longest_delay: Duration::from_secs(15 * 60),
            unlock_after: MOST_FAILURES,
            familiar_for: Duration::from_secs(30 * 24 * 60 * 60),
            counts_here: false,
        }
    }

    /// Sets how many failures one address may have with one account per span, in whole seconds.
    /// Default: 5 a minute; up to 1000. The same number of logins of one account from one address
    /// can be checked at the same moment; further ones are refused, whether the password is right
    /// or wrong.
    pub const fn by_account_and_address(mut self, failures: u32, span: Duration) -> Self {
        self.pair = (failures, span);
        self
    }

    /// Sets how many failures one address may have, with all accounts that have not logged in from
    /// it, per span, in whole seconds. Default: 20 a minute; up to 100 000. An IPv6 address counts
    /// by its first 64 bits.
    pub const fn by_address(mut self, failures: u32, span: Duration) -> Self {
        self.address = (failures, span);
        self
    }

    /// Sets how many unknown refresh tokens, one-time tokens and API keys may come from one address
    /// per span, in whole seconds; further ones are answered with 429. Default: 20 a minute; up to
    /// 100 000. Each instance counts these separately.
    pub const fn tokens_by_address(mut self, failures: u32, span: Duration) -> Self {
        self.tokens = (failures, span);
        self
    }

    /// Sets after how many consecutive failures of an account delays begin. Default: 5; 1 to 100.
    pub const fn delays_after(mut self, failures: u32) -> Self {
        self.delays_after = failures;
        self
    }

    /// Sets the maximum delay. Default: 15 minutes; one second to 24 hours.
    pub const fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay;
        self
    }

    /// Sets after how many consecutive failures of an account addresses that are not familiar to it
    /// need a mailed token. Default: 100, the most that [NIST SP
    /// 800-63B](https://pages.nist.gov/800-63-4/sp800-63b.html) allows.
    pub const fn unlock_after(mut self, failures: u32) -> Self {
        self.unlock_after = failures;
        self
    }

    /// Sets how long an address stays familiar to an account after the last login. Default: 30
    /// days; one hour to 400 days.
    pub const fn familiar_for(mut self, span: Duration) -> Self {
        self.familiar_for = span;
        self
    }

    /// Lets each instance count in its own memory while the [throttle
    /// store](crate::AuthProviderBuilder::throttle_store) fails. By default, logins are refused
    /// with 503 meanwhile.
    ///
    /// # Security
    /// While the store fails, each instance allows as much as is configured for all of them
    /// together, and no address is familiar.
    pub const fn count_here_when_store_fails(mut self) -> Self {
        self.counts_here = true;
        self
    }

    pub(crate) fn build(&self) -> Result<Rules, ConfigError> {
        let check = |holds: bool, problem: &'static str, fix: &'static str| {
            if holds { Ok(()) } else { Err(ConfigError::new("login_throttle", problem, fix)) }
        };
        check(
            self.pair.0 <= 1000 && self.address.0 <= 100_000 && self.tokens.0 <= 100_000,
            "too many failures are allowed per span",
            "allow up to 1000 by account and address, and up to 100000 by address",
        )?;
        check(
            (1..=MOST_FAILURES).contains(&self.unlock_after)
                && (1..=self.unlock_after).contains(&self.delays_after),
            "the number of failures is out of bounds",
            "use 1 to 100 for `unlock_after`, and no more for `delays_after`",
        )?;
        check(
            (Duration::from_secs(1)..=DAY).contains(&self.longest_delay),
            "`longest_delay` is out of bounds",
            "use one second to 24 hours",
        )?;
        check(
            (HOUR..=LONGEST_FAMILIAR).contains(&self.familiar_for),
            "`familiar_for` is out of bounds",
            "use one hour to 400 days",
        )?;
        let window = |(failures, span)| {
            LimitWindow::new(failures, span).map_err(|error| error.in_field(|_| "login_throttle"))
        };
        Ok(Rules {
            pair: window(self.pair)?,
            address: window(self.address)?,
            tokens: window(self.tokens)?,
            delays_after: self.delays_after,
            longest_delay: self.longest_delay,
            unlock_after: self.unlock_after,
            familiar_for: self.familiar_for,
            counts_here: self.counts_here,
        })
    }
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self::new()
    }
}
