//! The settings, as an application writes them.

use std::time::Duration;

use super::rules::{DAY, HOUR, Rules};
use crate::{error::ConfigError, store::LimitWindow};

const MINUTE: Duration = Duration::from_secs(60);
const MOST_FAILURES: u32 = 100;
const LONGEST_FAMILIAR: Duration = Duration::from_secs(400 * 24 * 60 * 60); // not a status

/// Settings of the login throttle, for
/// [`AuthProviderBuilder::login_throttle`](crate::AuthProviderBuilder::login_throttle). What they
/// mean says [the module](super).
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
    /// The defaults.
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

    /// How many failures one address may have with one account in a span of whole seconds. Default:
    /// 5 a minute; up to 1000. So many logins of one account from one address can also be checked
    /// at the same moment; more are refused, right or wrong.
    pub const fn by_account_and_address(mut self, failures: u32, span: Duration) -> Self {
        self.pair = (failures, span);
        self
    }

    /// How many failures one address may have with all accounts that have not logged in from it,
    /// in a span of whole seconds. Default: 20 a minute; up to 100 000. IPv6 counts by 64 bits.
    pub const fn by_address(mut self, failures: u32, span: Duration) -> Self {
        self.address = (failures, span);
        self
    }

    /// How many refresh tokens, one-time tokens and API keys that nobody has issued may come from
    /// one address in a span of whole seconds, before the answer to more of them is 429. Default:
    /// 20 a minute; up to 100 000. Each instance counts these by itself.
    pub const fn tokens_by_address(mut self, failures: u32, span: Duration) -> Self {
        self.tokens = (failures, span);
        self
    }

    /// After how many failures of an account, one after the other, delays begin. Default: 5; 1 to
    /// 100.
    pub const fn delays_after(mut self, failures: u32) -> Self {
        self.delays_after = failures;
        self
    }

    /// How long delays grow. Default: 15 minutes; a second to 24 hours.
    pub const fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay;
        self
    }

    /// After how many failures of an account, one after the other, addresses that it has not
    /// logged in from need a mailed token. Default: 100, the most that
    /// [NIST SP 800-63B](https://pages.nist.gov/800-63-4/sp800-63b.html) allows.
    pub const fn unlock_after(mut self, failures: u32) -> Self {
        self.unlock_after = failures;
        self
    }

    /// How long an address is familiar to an account after the last login. Default: 30 days; an
    /// hour to 400 days.
    pub const fn familiar_for(mut self, span: Duration) -> Self {
        self.familiar_for = span;
        self
    }

    /// Lets each instance count by itself while the
    /// [throttle store](crate::AuthProviderBuilder::throttle_store) fails. By default logins are
    /// refused with 503 then.
    ///
    /// # Security
    /// Of what is allowed for all instances together, each lets through as much, and no address is
    /// familiar meanwhile.
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
            "it allows too many failures in a span",
            "allow up to 1000 by account and address, 100000 by address",
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
            "use a second to 24 hours",
        )?;
        check(
            (HOUR..=LONGEST_FAMILIAR).contains(&self.familiar_for),
            "`familiar_for` is out of bounds",
            "use an hour to 400 days",
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
