//! The login throttle: how often a password may be tried, so that nobody guesses one, and nobody
//! keeps its owner out.
//!
//! Every provider has one, with the settings of [`LoginThrottle::new`], and counts in the memory of
//! its process, or in the backend that
//! [`AuthProviderBuilder::store`](crate::AuthProviderBuilder::store) gets.
//!
//! # What is counted
//! | failures | default | what happens then |
//! |---|---|---|
//! | of one account from one address | 5 a minute | 429, until the next comes back |
//! | of one address | 20 a minute | the same |
//! | of one account, one after the other, from any address | from the 5th on | a delay, which doubles from a second to 15 minutes |
//! | the same | 100 | only with a mailed token, see below |
//! | of refresh tokens, one-time tokens and API keys that nobody has issued, of one address | 20 a minute | 429 in place of 401 |
//!
//! The attempt is counted before the password waits to be checked, so that parallel attempts are
//! not one; if it succeeds, it is taken back. One that is refused is not counted, asks for no user
//! and costs no hash. While there is a delay, the right password is refused too, with the same
//! answer; whether an account exists makes no difference anywhere.
//!
//! # Who is spared
//! An address from which the account has logged in (within 30 days, the last 16) is *familiar* to
//! it. Its attempts are counted by themselves: what strangers do from elsewhere delays nobody
//! there. That also holds for others behind the same address, such as that of an office: one client
//! that fails all the time keeps from logging in only those who have not logged in there before,
//! and those whose names it knows. Both have the way below. Where *all* clients seem to have one
//! address, the proxy in front has to be [named](crate::client::TrustedProxies).
//!
//! A token that is good is never refused, whatever its address has sent before.
//!
//! # The way in
//! A user who is kept out asks for a mail with a token of the purpose
//! [`LoginUnlock`](crate::OneTimePurpose::LoginUnlock). With it one attempt is checked whatever was
//! counted, at [`authenticate_unlocked`](crate::AuthProvider::authenticate_unlocked) or in the field
//! `unlock_token` of `POST /login`; the password must be right too, and makes the address a
//! familiar one. [`unlock_login`](crate::AuthProvider::unlock_login) does that without a password.
//!
//! ```
//! # use fauth_core::{one_time::{LinkBase, OneTimeRequest}, AuthProvider, AuthUser, OneTimePurpose, Rejection};
//! # async fn find<U>(_: &str) -> Option<U> { None }
//! # fn send_in_the_background<T>(_: T) {}
//! /// What the sign-in page calls for "I cannot get in". It answers the same, whoever is asked for.
//! async fn mail_me_a_way_in<U: AuthUser>(
//!     auth: &AuthProvider<U>,
//!     page: &LinkBase, // a form with name, password and the token of its URL, sent to `POST /login`
//!     identifier: &str,
//! ) -> Result<(), Rejection> {
//!     let user: Option<U> = find(identifier).await;
//!     if let Some(user) = user {
//!         let request = OneTimeRequest::for_user(&user);
//!         let token = auth.issue_one_time(OneTimePurpose::LoginUnlock, request).await?;
//!         send_in_the_background(token.link(page));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What is kept
//! Records of bytes under keyed hashes, which say neither a name nor an address; see
//! [`ThrottleStore`](crate::store::ThrottleStore). Names are trimmed, written in small letters and,
//! with the feature `nfc`, in one Unicode form (NFKC) before failures are counted by them. A
//! stranger who tries many names fills 2^18 records and no more, which accounts may then share:
//! delays come sooner, never later.

mod account;
mod address;
mod backoff;
mod bytes;
mod cell;
mod familiar;
mod identifier;
mod rules;

use std::time::Duration;

pub(crate) use self::{
    account::AccountRecord, address::AddressRecord, familiar::FamiliarRecord, identifier::normal,
    rules::Rules,
};
use crate::{
    clock::Timestamp,
    error::ConfigError,
    store::{LimitWindow, ThrottleRecord},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_FAILURES: u32 = 100;

/// Settings of the login throttle, for
/// [`AuthProviderBuilder::login_throttle`](crate::AuthProviderBuilder::login_throttle). What they
/// mean says [the module](self).
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

    /// How long an address is familiar to an account after the last login. Default: 30 days; an hour
    /// to 400 days.
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
            (HOUR..=400 * DAY).contains(&self.familiar_for),
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

/// What strangers have done to an account, for administrators; from
/// [`AuthProvider::throttle_state`](crate::AuthProvider::throttle_state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThrottleState {
    /// How many attempts have failed one after the other, from addresses that are not familiar.
    /// Those of another account may be among them, if both share a record.
    pub failures: u32,
    /// When the next attempt from such an address is checked; zero if at once.
    pub retry_after: Duration,
    /// Whether such an address needs a mailed token.
    pub needs_unlock: bool,
    /// How many addresses are familiar.
    pub familiar_addresses: usize,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is counted, and may be checked.
    Counted,
    /// It is not.
    Refused(Refusal),
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How long until one is counted.
    pub(crate) retry_after: Duration,
    /// What has refused it, for events.
    pub(crate) reason: &'static str,
    /// Was none refused by the same record for a minute?
    pub(crate) is_first: bool,
}

/// What a store keeps, and its rules.
pub(crate) trait Record: Default {
    /// `None` for what no version has written.
    fn decode(bytes: &[u8]) -> Option<Self>;

    fn encode(&self) -> Vec<u8>;

    /// From then on it is worth no more than none.
    fn kept_until(&self, rules: &Rules, now: Timestamp) -> Timestamp;

    fn record(&self, rules: &Rules, now: Timestamp) -> ThrottleRecord {
        ThrottleRecord { bytes: self.encode(), kept_until: self.kept_until(rules, now) }
    }
}

#[cfg(test)]
mod tests;
