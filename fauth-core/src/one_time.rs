//! One-time tokens: what is asked for, what they are bound to, and the links they travel in.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    error::ConfigError,
    token::{IssuedToken, OneTimePurpose, Purpose, TokenPayload, TokenRequest},
    user::AuthUser,
};

/// How many tokens of one purpose one subject may have at a time; of more, those that expire first are dropped.
pub(crate) const MAX_OUTSTANDING: usize = 5;

/// The claims of a one-time token that tie it to something.
pub(crate) const STAMP: &str = "stamp";
pub(crate) const BOUND_TO: &str = "bound_to";
pub(crate) const BOUND_BROWSER: &str = "bound_browser";

/// For whom a one-time token shall be, and what it is bound to.
#[must_use = "a token is issued by `issue_one_time`"]
pub struct OneTimeRequest<'a, U> {
    pub(crate) user: &'a U,
    token: TokenRequest<'a>,
    bound_to: Option<Cow<'a, str>>,
    browser: Option<Cow<'a, str>>,
}

impl<'a, U: AuthUser> OneTimeRequest<'a, U> {
    /// A token for this user, bound to the current [stamp](AuthUser::one_time_stamp) and
    /// [epoch](AuthUser::token_epoch) of the user's record.
    pub fn for_user(user: &'a U) -> Self {
        Self { user, token: TokenRequest::for_user(user), bound_to: None, browser: None }
    }

    /// Writes something into the token that it is about: the **new** address, when one is to be changed. It comes back as [`Redeemed::bound_to`].
    ///
    /// # Security
    /// When an address is changed, store the one of the redeemed token, never one of the account or the request: it may have changed between.
    pub fn bound_to(mut self, what: impl Into<Cow<'a, str>>) -> Self {
        self.bound_to = Some(what.into());
        self
    }

    /// Binds the token to the browser that asks for it, by the value of a random cookie which that browser was given. Whoever redeems it must
    /// present the same value ([`Redemption::browser`]). The token holds a keyed hash of it.
    ///
    /// A mail that is read on another device is of no use then: good for magic links, where it keeps a link that was sent on from logging somebody else in.
    pub fn browser(mut self, cookie: impl Into<Cow<'a, str>>) -> Self {
        self.browser = Some(cookie.into());
        self
    }

    /// Adds a custom claim, as [`TokenRequest::claim`] does.
    pub fn claim(mut self, name: impl Into<Cow<'a, str>>, value: impl Serialize) -> Self {
        self.token = self.token.claim(name, value);
        self
    }

    /// What the token is to say.
    pub(crate) fn into_token(self, purpose: OneTimePurpose, seals: &Seals) -> TokenRequest<'a> {
        let subject = self.token.subject().to_owned();
        let seal = |kind, text: &str| json_text(&seals.seal(kind, purpose, &subject, text));
        let stamp = seal(STAMP, self.user.one_time_stamp(purpose).as_ref());
        let mut token = self.token.raw_claim(STAMP, stamp);
        if let Some(what) = &self.bound_to {
            token = token.raw_claim(BOUND_TO, json_text(what));
        }
        if let Some(cookie) = &self.browser {
            token = token.raw_claim(BOUND_BROWSER, seal(BOUND_BROWSER, cookie));
        }
        token
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Shows whom the token is about, not what it will say.
impl<U> fmt::Debug for OneTimeRequest<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeRequest").field("token", &self.token).finish_non_exhaustive()
    }
}

/// A one-time token that was just issued. Zeroed on drop, invisible in `Debug`.
#[derive(Clone)]
pub struct OneTimeToken {
    pub(crate) token: IssuedToken,
    pub(crate) lifetime: Duration,
}

impl OneTimeToken {
    /// The token's text.
    ///
    /// # Security
    /// Whoever has it can do, once, what it is for. Send it to its owner and nowhere else; never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose()
    }

    /// A link with the token, for a mail.
    #[must_use]
    pub fn link(&self, base: &LinkBase) -> OneTimeLink {
        let parts = [&*base.0, "?token=", self.expose()];
        // All the room that is needed, so that no half of it stays behind where the text has moved from.
        let mut link = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            link.push_str(part);
        }
        OneTimeLink(link)
    }

    /// How long it lasts.
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        self.lifetime
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeToken(..)")
    }
}

/// A link that holds a one-time token. Zeroed on drop, invisible in `Debug`.
#[derive(Clone)]
pub struct OneTimeLink(Zeroizing<String>);

impl OneTimeLink {
    /// The whole link.
    ///
    /// # Security
    /// As [`OneTimeToken::expose`].
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeLink(..)")
    }
}

/// Where the links with one-time tokens lead: a page of the application, fixed when it starts. The token is appended as `?token=…`.
///
/// ```
/// use fauth_core::LinkBase;
///
/// let base = LinkBase::new("https://app.example.com/reset")?;
/// assert!(LinkBase::new("http://localhost:3000/reset").is_ok(), "for development");
/// assert!(LinkBase::new("http://app.example.com/reset").is_err());
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// # Security
/// Never make one from a request: its `Host` is what a stranger wrote, and the mail would lead the user, and his token, to the stranger. It is not
/// made from anything but a text of the configuration here, and nothing in fauth looks at the request for it.
///
/// Let the page redeem the token by POST, from a button: mail scanners follow links, and would use it up by GET. Serve it with
/// `Referrer-Policy: no-referrer` and `Cache-Control: no-store`, since the token is in its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBase(Box<str>);

const MAX_BASE_BYTES: usize = 1024;

impl LinkBase {
    /// An absolute URL without query, fragment, user name and characters that need encoding: `https`, or `http` on a loopback host.
    ///
    /// # Errors
    /// [`ConfigError`] if it is anything else.
    pub fn new(url: impl Into<String>) -> Result<Self, ConfigError> {
        let url = url.into();
        let refused = |problem: &'static str| {
            Err(ConfigError::new("link_base", problem, "use a URL such as `https://app.example.com/reset`"))
        };
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>?\\^`{|}".contains(&byte);
        if url.len() > MAX_BASE_BYTES || !url.bytes().all(allowed) {
            return refused(
                "the URL is too long, or has a query, a fragment or characters that need encoding",
            );
        }
        let Some((scheme, rest)) = url.split_once("://") else { return refused("the URL is not absolute") };
        let authority = rest.split('/').next().unwrap_or_default();
        let Some(host) = host_of(authority) else {
            return refused("the host is missing or malformed, or there is a user name");
        };
        match scheme {
            "https" => Ok(Self(url.into_boxed_str())),
            "http" if is_loopback(host) => Ok(Self(url.into_boxed_str())),
            _ => refused("the scheme is not https, and the host not this machine"),
        }
    }

    /// The URL without token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host of `host` or `host:port`, IPv6 addresses in brackets. `None` for anything else.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        },
    };
    let is_port = |port: &str| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    port.is_none_or(is_port).then_some(host)
}

/// Labels of letters, digits and hyphens.
fn name(host: &str) -> Option<&str> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.split('.').all(is_label)).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A one-time token as somebody presents it, with what he must prove besides.
#[must_use = "a token is redeemed by `redeem`"]
pub struct Redemption<'a> {
    pub(crate) token: &'a str,
    browser: Option<&'a str>,
    pub(crate) allow_inactive: bool,
}

impl<'a> Redemption<'a> {
    /// This token.
    pub const fn new(token: &'a str) -> Self {
        Self { token, browser: None, allow_inactive: false }
    }

    /// The value of the cookie that [`OneTimeRequest::browser`] was given. Needed for tokens that were issued with one.
    pub const fn browser(mut self, cookie: &'a str) -> Self {
        self.browser = Some(cookie);
        self
    }

    /// Lets a user redeem it who is not active: for the mail that makes a new account an active one.
    ///
    /// # Security
    /// An account that was disabled is not active either: make sure that verifying an address does not enable it again.
    pub const fn danger_allow_inactive(mut self) -> Self {
        self.allow_inactive = true;
        self
    }

    /// Does it come from the browser that asked for it, if that was written down?
    pub(crate) fn is_from_its_browser(
        &self,
        purpose: OneTimePurpose,
        payload: &TokenPayload,
        seals: &Seals,
    ) -> bool {
        match payload.claim::<String>(BOUND_BROWSER) {
            Ok(None) => true,
            Ok(Some(sealed)) => self
                .browser
                .is_some_and(|cookie| seals.fits(&sealed, BOUND_BROWSER, purpose, payload.subject(), cookie)),
            Err(_) => false,
        }
    }
}

impl<'a> From<&'a str> for Redemption<'a> {
    fn from(token: &'a str) -> Self {
        Self::new(token)
    }
}

impl<'a> From<&'a String> for Redemption<'a> {
    fn from(token: &'a String) -> Self {
        Self::new(token)
    }
}

impl fmt::Debug for Redemption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redemption(..)")
    }
}

/// A one-time token that was good, and is not any more.
pub struct Redeemed<U> {
    pub(crate) user: Arc<U>,
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) bound_to: Option<Box<str>>,
}

impl<U> Redeemed<U> {
    /// Whose it was, loaded just now.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// What it says.
    #[must_use]
    pub const fn payload(&self) -> &Arc<TokenPayload> {
        &self.payload
    }

    /// What it was [bound to](OneTimeRequest::bound_to): the address that it verifies.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        self.bound_to.as_deref()
    }
}

impl<U> fmt::Debug for Redeemed<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redeemed").field("payload", &self.payload).finish_non_exhaustive()
    }
}

/// Has the account stayed as it was when the token was issued?
pub(crate) fn is_unchanged(
    purpose: OneTimePurpose,
    payload: &TokenPayload,
    user: &impl AuthUser,
    seals: &Seals,
) -> bool {
    let stamp = payload.claim::<String>(STAMP).ok().flatten();
    stamp.is_some_and(|stamp| {
        seals.fits(&stamp, STAMP, purpose, payload.subject(), user.one_time_stamp(purpose).as_ref())
    })
}

/// Keyed hashes of what a token is bound to: who reads the token learns nothing from them.
pub(crate) struct Seals(Vec<Hmac<Sha256>>);

/// As much as nobody can guess; the links are long enough.
const SEAL_BYTES: usize = 16;

impl Seals {
    /// Of keys that were derived from those of the tokens, the signing one first: a token of a previous key keeps its bindings.
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<String>>) -> Self {
        Self(keys.filter_map(|key| Hmac::new_from_slice(key.as_bytes()).ok()).collect())
    }

    fn seal(&self, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> String {
        self.0.first().map(|key| sealed(key, kind, purpose, subject, text)).unwrap_or_default()
    }

    /// In constant time.
    fn fits(&self, seal: &str, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> bool {
        self.0.iter().any(|key| {
            let expected = sealed(key, kind, purpose, subject, text);
            expected.as_bytes().ct_eq(seal.as_bytes()).into()
        })
    }
}

fn sealed(key: &Hmac<Sha256>, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> String {
    let mut mac = key.clone();
    // Each part with its length, so that no two lists of parts are one text.
    for part in [kind, Purpose::from(purpose).as_str(), subject, text] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    URL_SAFE_NO_PAD.encode(hash.get(..SEAL_BYTES).unwrap_or_default())
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_the_configuration_says() {
        for good in [
            "https://app.example.com/reset",
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com:8443/a/b~c/%20/@me",
            "https://192.0.2.7/reset",
            "https://[2001:db8::7]/reset",
            "http://localhost/reset",
            "http://localhost:3000/reset",
            "http://127.0.0.1:3000",
            "http://127.8.9.10/x",
            "http://[::1]:3000/x",
        ] {
            assert_eq!(LinkBase::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "https://",
            "https:///reset",
            "app.example.com/reset",
            "/reset",
            "//app.example.com/reset",
            "HTTPS://app.example.com/reset",
            "ftp://app.example.com/reset",
            "javascript://app.example.com/reset",
            "http://app.example.com/reset",
            "http://localhost.example.com/reset",
            "http://127.0.0.1.example.com/reset",
            "http://192.0.2.7/reset",
            "http://[2001:db8::7]/reset",
            "https://app.example.com/reset?",
            "https://app.example.com/reset?a=1",
            "https://app.example.com/reset#",
            "https://app.example.com/reset#token",
            "https://alice@app.example.com/reset",
            "https://alice:secret@app.example.com/reset",
            "https://@app.example.com/reset",
            "https://app.example.com\\@evil.example/reset",
            "https://app.example.com:/reset",
            "https://app.example.com:0/reset",
            "https://app.example.com:65536/reset",
            "https://app.example.com:+443/reset",
            "https://app.example.com:80:80/reset",
            "https://.example.com/reset",
            "https://app..com/reset",
            "https://-app.com/reset",
            "https://app.example.com./reset",
            "https://app_example.com/reset",
            "https://[::1/reset",
            "https://[::1]x/reset",
            "https://[]/reset",
            "https://app.exämple.com/reset",
            "https://app.example.com/a b",
            "https://app.example.com/a\tb",
            "https://app.example.com/a\r\nb",
            "https://app.example.com/\u{0}",
            "https://app.example.com/<b>",
        ] {
            assert_eq!(LinkBase::new(bad).map_err(|error| error.field()), Err("link_base"), "{bad:?}");
        }
        let long = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(LinkBase::new(long(1024)).is_ok());
        assert!(LinkBase::new(long(1025)).is_err());
    }

    fn seals(keys: &[&str]) -> Seals {
        Seals::new(keys.iter().map(|key| Zeroizing::new((*key).to_owned())))
    }

    #[test]
    fn a_seal_fits_one_thing() {
        let (purpose, seals) = (OneTimePurpose::PasswordReset, seals(&["a key"]));
        let seal = seals.seal(STAMP, purpose, "alice", "7");
        assert_eq!(seal.len(), 22);
        assert!(seals.fits(&seal, STAMP, purpose, "alice", "7"));
        assert!(!seals.fits(&seal, BOUND_BROWSER, purpose, "alice", "7"));
        assert!(!seals.fits(&seal, STAMP, OneTimePurpose::MagicLink, "alice", "7"));
        assert!(!seals.fits(&seal, STAMP, purpose, "bob", "7"));
        assert!(!seals.fits(&seal, STAMP, purpose, "alice", "8"));
        assert!(!seals.fits(&seal, STAMP, purpose, "alice7", ""));
        assert!(!seals.fits("", STAMP, purpose, "alice", "7"));
        assert!(!seals.fits(&seal[1..], STAMP, purpose, "alice", "7"));
    }

    #[test]
    fn a_seal_outlives_a_change_of_keys() {
        let purpose = OneTimePurpose::EmailVerification;
        let (old, both, new) = (seals(&["old"]), seals(&["new", "old"]), seals(&["new"]));
        let seal = old.seal(STAMP, purpose, "alice", "a@b.example");
        assert!(both.fits(&seal, STAMP, purpose, "alice", "a@b.example"));
        assert!(!new.fits(&seal, STAMP, purpose, "alice", "a@b.example"));
        let seal = both.seal(STAMP, purpose, "alice", "a@b.example");
        assert!(new.fits(&seal, STAMP, purpose, "alice", "a@b.example"), "new ones are of the new key");
        assert!(!seals(&[]).fits("", STAMP, purpose, "alice", "a@b.example"));
    }
}
