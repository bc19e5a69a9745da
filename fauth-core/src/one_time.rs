//! One-time tokens: the issue request, the redemption, the bindings, and links for mails.
//!
//! Nothing here reads or writes a store. The provider's `issue_one_time` and `redeem` do that, and
//! call this module to create and check the bindings.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    authority::{host_of, is_loopback},
    error::ConfigError,
    token::{IssuedToken, OneTimePurpose, Purpose, TokenPayload, TokenRequest},
    user::{AuthUser, UserRef},
};

/// The maximum number of outstanding tokens of one purpose per subject. Beyond it, the store drops
/// those that expire first, so that repeated requests for mails cannot fill it. Tokens that unlock
/// a login are not dropped; instead, no further one is issued. They let the owner in despite an
/// attack, so an attacker must not be able to invalidate them.
pub(crate) const MAX_OUTSTANDING: usize = 5;

/// The claims that hold the bindings of a one-time token.
pub(crate) const STAMP: &str = "stamp";
pub(crate) const BOUND_TO: &str = "bound_to";
pub(crate) const BOUND_BROWSER: &str = "bound_browser";

/// A request for a one-time token: the user, and what the token is bound to.
#[must_use = "pass the request to `issue_one_time`"]
pub struct OneTimeRequest<'a, U> {
    pub(crate) user: &'a U,
    token: TokenRequest<'a>,
    bound_to: Option<Cow<'a, str>>,
    browser: Option<Cow<'a, str>>,
}

impl<'a, U: AuthUser> OneTimeRequest<'a, U> {
    /// A token for this user, bound to the current [stamp](AuthUser::one_time_stamp) and
    /// [epoch](AuthUser::token_epoch) of the user's record.
    pub fn for_user(user: &'a impl UserRef<User = U>) -> Self {
        let user = user.user_ref();
        Self { user, token: TokenRequest::for_user(user), bound_to: None, browser: None }
    }

    /// Writes the value that the token is about into the token, readable by its holder. To change
    /// an address, pass the **new** one. Redeeming returns it as [`Redeemed::bound_to`].
    ///
    /// # Security
    /// When an address is changed, store the address from the redeemed token, never one from the
    /// account or the request: those may have changed since the token was issued.
    pub fn bound_to(mut self, what: impl Into<Cow<'a, str>>) -> Self {
        self.bound_to = Some(what.into());
        self
    }

    /// Binds the token to the browser that requested it. Pass the value of a random cookie that
    /// this browser was given; the same value must be presented to redeem the token
    /// ([`Redemption::browser`]). The token holds a keyed hash of the value.
    ///
    /// The link then works in no other browser, so a mail opened on another device is of no use.
    /// For magic links this is the purpose: a forwarded link does not log anybody else in.
    pub fn browser(mut self, cookie: impl Into<Cow<'a, str>>) -> Self {
        self.browser = Some(cookie.into());
        self
    }

    /// Adds a custom claim, as [`TokenRequest::claim`] does.
    pub fn claim(mut self, name: impl Into<Cow<'a, str>>, value: impl Serialize) -> Self {
        self.token = self.token.claim(name, value);
        self
    }

    /// Builds the token's claims, with the stamp and the cookie as keyed hashes.
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

/// Shows the subject, never the user's record, the bindings or the values of claims.
impl<U> fmt::Debug for OneTimeRequest<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeRequest").field("token", &self.token).finish_non_exhaustive()
    }
}

/// A newly issued one-time token. Zeroed on drop, redacted in `Debug`.
#[derive(Clone)]
pub struct OneTimeToken {
    pub(crate) token: IssuedToken,
    pub(crate) lifetime: Duration,
}

impl OneTimeToken {
    /// The token's text.
    ///
    /// # Security
    /// Anybody who holds the token can use it once for its purpose. Send it only to its owner, and
    /// never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose()
    }

    /// Builds the link for a mail: the base with `?token=…` appended, or `&token=…` if it has a
    /// query.
    #[must_use]
    pub fn link(&self, base: &LinkBase) -> OneTimeLink {
        let parts = [&*base.0, base.separator(), "token=", self.expose()];
        // Allocate the full capacity up front: growing the string would leave a copy of the token
        // behind in freed memory.
        let mut link = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            link.push_str(part);
        }
        OneTimeLink(link)
    }

    /// How long the token is valid, counted from when it was issued.
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

/// A link that contains a one-time token. Zeroed on drop, redacted in `Debug`.
#[derive(Clone)]
pub struct OneTimeLink(Zeroizing<String>);

impl OneTimeLink {
    /// The whole link.
    ///
    /// # Security
    /// The link contains the token: handle it as described for [`OneTimeToken::expose`].
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

/// The base URL of links with one-time tokens: a page of the application, fixed at startup. The
/// token is appended as `?token=…`, or as `&token=…` after a query. If the page is named by a
/// fragment, as with routers in the browser (`https://app.example.com/#/reset`), it is appended to
/// the fragment.
///
/// ```
/// use fauth_core::one_time::LinkBase;
///
/// let base = LinkBase::new("https://app.example.com/reset")?;
/// assert!(LinkBase::new("http://localhost:3000/reset").is_ok(), "for development");
/// assert!(LinkBase::new("https://app.example.com/#/reset").is_ok());
/// assert!(LinkBase::new("http://app.example.com/reset").is_err());
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// # Security
/// Never build the base from a request. A stranger can choose the `Host` header, and the mail
/// would then lead the user, with the token, to the stranger's host. Take it from the
/// configuration; fauth itself never reads a request for it.
///
/// Let the page redeem the token by POST, from a button: mail scanners follow links, and a GET
/// would use the token up. Serve the page with `Referrer-Policy: no-referrer` and
/// `Cache-Control: no-store`, since the token is in its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBase(Box<str>);

const MAX_BASE_BYTES: usize = 1024;

impl LinkBase {
    /// Takes an absolute URL without a user name and without characters that need encoding. The
    /// scheme is `https`, or `http` on a loopback host. A query must not have a parameter `token`,
    /// and a fragment must be a route: begin with `/` or `!/`. At most 1024 bytes.
    ///
    /// # Errors
    /// [`ConfigError`] for any other text.
    pub fn new(url: impl Into<String>) -> Result<Self, ConfigError> {
        Self::parse(url.into(), false)
    }

    /// Like [`new`](Self::new), but also accepts plain `http` for a host name without a dot: a
    /// machine in a private network, or a container (`http://web:8080/reset`).
    ///
    /// # Security
    /// An attacker who can read traffic in that network learns the token and can use it first.
    ///
    /// # Errors
    /// [`ConfigError`] for any other text.
    pub fn danger_plain_http(url: impl Into<String>) -> Result<Self, ConfigError> {
        Self::parse(url.into(), true)
    }

    fn parse(url: String, allow_plain_names: bool) -> Result<Self, ConfigError> {
        let refused = |problem: &'static str| {
            Err(ConfigError::new("link_base", problem, "use a URL such as `https://app.example.com/reset`"))
        };
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if url.len() > MAX_BASE_BYTES || !url.bytes().all(allowed) {
            return refused("the URL is too long, or has characters that need encoding");
        }
        let Some((scheme, rest)) = url.split_once("://") else { return refused("the URL is not absolute") };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some(host) = host_of(authority) else {
            return refused("the host is missing or malformed, or there is a user name");
        };
        let (page, route) = match url.split_once('#') {
            Some((page, route)) => (page, Some(route)),
            None => (&*url, None),
        };
        if route
            .is_some_and(|route| !(route.starts_with('/') || route.starts_with("!/")) || route.contains('#'))
        {
            return refused(
                "the fragment is not a route: it does not begin with `/` or `!/`, or there are two",
            );
        }
        if [Some(page), route].into_iter().flatten().any(has_token) {
            return refused("the query already has a parameter `token`");
        }
        match scheme {
            "https" => Ok(Self(url.into_boxed_str())),
            "http" if is_loopback(host) => Ok(Self(url.into_boxed_str())),
            "http" if is_single_name(host) => {
                if allow_plain_names {
                    return Ok(Self(url.into_boxed_str()));
                }
                Err(ConfigError::new(
                    "link_base",
                    "the scheme is not https, and the host is not a loopback host",
                    "use https, or `LinkBase::danger_plain_http` in a private network",
                ))
            }
            _ => refused("the scheme is not https, and the host is not a loopback host"),
        }
    }

    /// The text between the base and `token=`. A fragment, if there is one, takes the token.
    fn separator(&self) -> &'static str {
        let place = self.0.rsplit('#').next().unwrap_or_default();
        match place.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        }
    }

    /// The base URL, without a token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the query of this page or route already has the parameter `token`.
fn has_token(place: &str) -> bool {
    let Some((_, query)) = place.split_once('?') else { return false };
    query.split('&').any(|pair| pair.split('=').next() == Some("token"))
}

/// Whether the host is a name without a dot, which no public domain is. A number could be an
/// address.
fn is_single_name(host: &str) -> bool {
    !host.contains(['.', ':']) && host.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// A one-time token presented for redemption, with the browser cookie if the token is bound to
/// one.
#[must_use = "pass the redemption to `redeem`"]
pub struct Redemption<'a> {
    pub(crate) token: &'a str,
    browser: Option<&'a str>,
    pub(crate) allow_inactive: bool,
}

impl<'a> Redemption<'a> {
    /// Presents this token, without a cookie; the user must be active.
    pub const fn new(token: &'a str) -> Self {
        Self { token, browser: None, allow_inactive: false }
    }

    /// Adds the value of the cookie that was passed to [`OneTimeRequest::browser`]. Required for
    /// tokens that were bound to a browser.
    pub const fn browser(mut self, cookie: &'a str) -> Self {
        self.browser = Some(cookie);
        self
    }

    /// Also accepts a user who is not active: for the mail that activates a new account.
    ///
    /// # Security
    /// A disabled account is not active either: make sure that verifying an address does not
    /// enable it again.
    pub const fn danger_allow_inactive(mut self) -> Self {
        self.allow_inactive = true;
        self
    }

    /// Whether the token, if it is bound to a browser, is presented with that browser's cookie. An
    /// unbound token passes; one with a malformed binding does not.
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

/// The result of redeeming a one-time token. The token cannot be redeemed again.
pub struct Redeemed<U> {
    pub(crate) user: Arc<U>,
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) bound_to: Option<Box<str>>,
    /// The provider that redeemed the token. No other provider may log in with it.
    pub(crate) provider: u64,
}

impl<U> Redeemed<U> {
    /// The token's user, as loaded during the redemption.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// The verified claims of the token.
    #[must_use]
    pub const fn payload(&self) -> &Arc<TokenPayload> {
        &self.payload
    }

    /// The value that the token was [bound to](OneTimeRequest::bound_to), such as the address that
    /// it verifies.
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

/// Whether the user's [stamp](AuthUser::one_time_stamp) is still the one that the token was issued
/// with. A token without a stamp, or with a malformed one, is refused.
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

/// Creates and checks seals: keyed hashes of the values that a token is bound to.
///
/// A token is signed, not encrypted. The key prevents a reader of the token from learning the stamp
/// or the cookie.
pub(crate) struct Seals(Vec<Hmac<Sha256>>);

/// 128 bits of the hash: impossible to guess, and short enough for links.
const SEAL_BYTES: usize = 16;

impl Seals {
    /// Takes keys derived from the token-signing keys, the current one first. The current key
    /// creates seals; all keys check them, so that a token with bindings survives a key rotation.
    pub(crate) fn new(keys: impl Iterator<Item = Zeroizing<String>>) -> Self {
        Self(keys.filter_map(|key| Hmac::new_from_slice(key.as_bytes()).ok()).collect())
    }

    /// Without a key the seal is empty, which [`fits`](Self::fits) never accepts.
    fn seal(&self, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> String {
        self.0.first().map(|key| sealed(key, kind, purpose, subject, text)).unwrap_or_default()
    }

    /// Whether the seal is for exactly this text, kind, purpose and subject, under any of the keys.
    /// Compares in constant time.
    fn fits(&self, seal: &str, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> bool {
        self.0.iter().any(|key| {
            let expected = sealed(key, kind, purpose, subject, text);
            expected.as_bytes().ct_eq(seal.as_bytes()).into()
        })
    }
}

fn sealed(key: &Hmac<Sha256>, kind: &str, purpose: OneTimePurpose, subject: &str, text: &str) -> String {
    let mut mac = key.clone();
    // Each part is preceded by its length, so that different lists never hash the same bytes:
    // otherwise ("alice", "7") and ("alice7", "") would share a seal.
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
            "https://app.example.com/reset?",
            "https://app.example.com/reset?a=1",
            "https://app.example.com?a=1",
            "https://app.example.com/#/reset",
            "https://app.example.com/#!/reset?a=1",
            "https://app.example.com#/reset",
            "https://app.example.com/?a=1#/reset",
            "https://app.example.com/?tokens=1&a=token",
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
            "http://web/reset",
            "https://app.example.com/reset#",
            "https://app.example.com/reset#token",
            "https://app.example.com/#/a#/b",
            "https://app.example.com/reset?token=1",
            "https://app.example.com/reset?a=1&token",
            "https://app.example.com/?token=1#/reset",
            "https://app.example.com/#/reset?token=1",
            "https://app.example.com?@evil.example/\\",
            "https://alice@app.example.com?a=1",
            "https://alice@app.example.com#/reset",
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

    #[test]
    fn the_token_is_appended_where_the_page_reads_it() {
        for (base, link) in [
            ("https://a.example", "https://a.example?token="),
            ("https://a.example/reset", "https://a.example/reset?token="),
            ("https://a.example/reset?", "https://a.example/reset?token="),
            ("https://a.example/reset?a=1", "https://a.example/reset?a=1&token="),
            ("https://a.example/reset?a=1&", "https://a.example/reset?a=1&token="),
            ("https://a.example/#/reset", "https://a.example/#/reset?token="),
            ("https://a.example/#/reset?a=1", "https://a.example/#/reset?a=1&token="),
            ("https://a.example/?a=1#/reset", "https://a.example/?a=1#/reset?token="),
        ] {
            let base = LinkBase::new(base).unwrap();
            assert_eq!(format!("{}{}token=", base.as_str(), base.separator()), link);
        }
    }

    #[test]
    fn plain_http_in_a_network_of_ones_own_is_asked_for_by_name() {
        for good in
            ["http://web/reset", "http://web:8080/#/reset", "http://localhost/x", "https://a.example/x"]
        {
            assert_eq!(LinkBase::danger_plain_http(good).unwrap().as_str(), good);
        }
        for bad in [
            "http://app.example.com/reset",
            "http://web./reset",
            "http://192.0.2.7/reset",
            "http://3221225991/reset",
            "http://0xc0000207.example/reset",
            "http://[2001:db8::7]/reset",
            "http://alice@web/reset",
            "ftp://web/reset",
        ] {
            assert!(LinkBase::danger_plain_http(bad).is_err(), "{bad}");
        }
        let fix = LinkBase::new("http://web/reset").unwrap_err();
        assert!(fix.fix().contains("danger_plain_http"), "{fix}");
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
