//! Access and refresh tokens in two cookies.

use std::time::Duration;

use super::{Extracted, Keep, SecurityScheme, SetTokenError, Transport};
use crate::{
    error::ConfigError,
    rejection::MalformedCredential,
    reply::ResponseHeader,
    request::{HeaderValues, RequestHead},
    token::{IssuedToken, Purpose},
};

/// The limit for all `Cookie` headers of a request. Servers have limits of about this size.
const MAX_COOKIE_BYTES: usize = 16 * 1024;
/// Browsers drop a cookie whose name and value together are longer (RFC 6265bis section 5.6).
const MAX_NAME_AND_VALUE: usize = 4096;
/// The longest `Max-Age` that browsers honour: 400 days.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Whether browsers attach the cookie to requests that other sites cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SameSite {
    /// Only when the user follows a link to the application. The default.
    #[default]
    Lax,
    /// Never.
    Strict,
}

/// Keeps the access token in a cookie, and the refresh token in a second one.
///
/// The cookies are `__Host-session` and `__Host-refresh`, with `Secure`, `HttpOnly`, `Path=/`,
/// `SameSite=Lax` and no `Domain`. Their `Max-Age` is the lifetime of the token, unless they [end
/// with the browser session](Self::end_with_browser). A request in which either name occurs more
/// than once is refused with 400.
///
/// Requests with any method but GET, HEAD and OPTIONS must come from the application's own origin
/// or a trusted one: see
/// [`AuthProviderBuilder::trusted_origin`](crate::AuthProviderBuilder::trusted_origin).
///
/// ```
/// use fauth_core::transport::{CookieTransport, SameSite};
///
/// let cookies = CookieTransport::new().names("__Host-id", "__Host-again")?.same_site(SameSite::Strict);
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// Pages without scripts cannot refresh tokens; use [`SessionCookie`](super::SessionCookie) for
/// them.
///
/// Responses to requests that a cookie authenticated carry `Vary: Cookie` and a `Cache-Control`
/// that keeps shared caches from storing them. Guards and [`Guard::visitor`](crate::Guard::visitor)
/// add both; an extractor outside of them cannot change the response.
#[derive(Debug, Clone)]
pub struct CookieTransport {
    access: Box<str>,
    refresh: Box<str>,
    same_site: SameSite,
    /// Whether to write `SameSite=None`, regardless of `same_site`.
    cross_site: bool,
    secure: bool,
    domain: Option<Box<str>>,
    ends_with_browser: bool,
}

/// Prefix of a cookie name for which browsers require `Secure`, `Path=/` and no `Domain`.
const HOST_PREFIX: &str = "__Host-";
/// Prefix of a cookie name for which browsers require `Secure`.
const SECURE_PREFIX: &str = "__Secure-";

impl CookieTransport {
    /// Creates the transport with the default names and attributes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            access: "__Host-session".into(),
            refresh: "__Host-refresh".into(),
            same_site: SameSite::Lax,
            cross_site: false,
            secure: true,
            domain: None,
            ends_with_browser: false,
        }
    }

    /// Sets the names of the access and the refresh cookie, both with the prefix `__Host-`.
    ///
    /// # Errors
    /// [`ConfigError`] if a name lacks the prefix, consists of the prefix alone, is longer than 64
    /// bytes, has characters other than letters, digits, `-` and `_`, or equals the other name.
    pub fn names(self, access: impl Into<String>, refresh: impl Into<String>) -> Result<Self, ConfigError> {
        let (access, refresh) = (access.into(), refresh.into());
        let has_prefix = |name: &str| name.strip_prefix(HOST_PREFIX).is_some_and(|rest| !rest.is_empty());
        if !has_prefix(&access) || !has_prefix(&refresh) {
            return Err(ConfigError::new(
                "cookie_names",
                "without the prefix `__Host-`, another host of the same domain can set these cookies",
                "begin both names with `__Host-`, or use `danger_names`",
            ));
        }
        self.danger_names(access, refresh)
    }

    /// Like [`names`](Self::names), with or without the prefix `__Host-`.
    ///
    /// # Security
    /// Without the prefix, another host of the same domain, or an attacker who can answer its plain
    /// HTTP requests, can set a cookie of this name. A user who is logged in is then refused,
    /// because there are two cookies; a user who is not is logged in as somebody else.
    ///
    /// # Errors
    /// [`ConfigError`] if a name is empty, longer than 64 bytes, has characters other than letters,
    /// digits, `-` and `_`, or equals the other name.
    pub fn danger_names(
        mut self,
        access: impl Into<String>,
        refresh: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let (access, refresh) = (access.into(), refresh.into());
        if access.eq_ignore_ascii_case(&refresh) || !is_name(&access) || !is_name(&refresh) {
            return Err(ConfigError::new(
                "cookie_names",
                "the names are equal, empty, too long, or have invalid characters",
                "use two different names of letters, digits, `-` and `_`",
            ));
        }
        self.access = access.into_boxed_str();
        self.refresh = refresh.into_boxed_str();
        Ok(self.with_possible_prefixes())
    }

    /// Omits `Max-Age`, so that the cookies end with the browser session, unless the login is
    /// [remembered](crate::LoginRequest::remember). Without a session store no login is remembered.
    ///
    /// The lifetime on the server does not change. Browsers that restore their windows after a
    /// restart keep such cookies.
    #[must_use]
    pub const fn end_with_browser(mut self) -> Self {
        self.ends_with_browser = true;
        self
    }

    /// Sets the `SameSite` attribute. Default: [`SameSite::Lax`].
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Omits `Secure`, and also `__Host-` from the names, because browsers require `Secure` for
    /// that prefix. For development without TLS.
    ///
    /// # Security
    /// The cookies travel in clear text, and anyone who sees them can act as the user. Every
    /// provider that is built with this setting logs a warning.
    #[must_use]
    pub fn danger_insecure(mut self) -> Self {
        self.secure = false;
        tracing::warn!(target: "fauth", event = "insecure_cookies", "cookies without `Secure`: for development only");
        self.with_possible_prefixes()
    }

    /// Like [`danger_insecure`](Self::danger_insecure), for a service that listens on the loopback
    /// interface only, so that no cookie leaves the machine. Pass the address that the service is
    /// bound to.
    ///
    /// # Errors
    /// [`ConfigError`] if the address is not a loopback address.
    pub fn insecure_on_loopback(self, address: std::net::IpAddr) -> Result<Self, ConfigError> {
        if !address.to_canonical().is_loopback() {
            return Err(ConfigError::new(
                "insecure_on_loopback",
                format!(
                    "{address} can be reached from other machines, and cookies would travel in clear text"
                ),
                "use TLS, bind the service to 127.0.0.1, or use `danger_insecure`",
            ));
        }
        Ok(self.danger_insecure())
    }

    /// Lets browsers attach the cookies to all cross-site requests (`SameSite=None`), for an
    /// application that is embedded in a frame of another site or called by its scripts.
    ///
    /// # Security
    /// Requests that change state are still refused unless they come from the application's own or
    /// a [trusted origin](crate::AuthProviderBuilder::trusted_origin). But every site can cause
    /// `GET` requests as the user. They must change nothing, not even a counter, and must reveal
    /// nothing through their timing, length or redirects. Pages must restrict who may embed them
    /// with `Content-Security-Policy: frame-ancestors`. Many browsers do not send such cookies at
    /// all.
    #[must_use]
    pub const fn danger_same_site_none(mut self) -> Self {
        self.cross_site = true;
        self
    }

    /// Sends the cookies to this host and all of its subdomains (`Domain`). The prefix of their
    /// names becomes `__Secure-`, because `__Host-` forbids `Domain`.
    ///
    /// # Security
    /// Every host of the domain is trusted with the users. It receives their tokens, whoever
    /// operates it. It can also set cookies of these names, so that a user is logged in as somebody
    /// else, or is refused because there are two cookies. Never name a domain under which others
    /// operate hosts. The CSRF check still treats the hosts as different origins, unless each is a
    /// [trusted origin](crate::AuthProviderBuilder::trusted_origin).
    ///
    /// # Errors
    /// [`ConfigError`] if this is not a host name with at least one dot. A leading dot is removed.
    pub fn danger_domain(mut self, domain: impl Into<String>) -> Result<Self, ConfigError> {
        let domain = domain.into().to_ascii_lowercase();
        let domain = domain.strip_prefix('.').unwrap_or(&domain);
        if !is_domain(domain) {
            return Err(ConfigError::new(
                "danger_domain",
                format!("`{}` is not a host name with at least one dot", domain.escape_debug()),
                "write a domain of your own, such as `example.com`",
            ));
        }
        self.domain = Some(domain.into());
        Ok(self.with_possible_prefixes())
    }

    /// Changes name prefixes that browsers would reject in combination with the other attributes.
    fn with_possible_prefixes(mut self) -> Self {
        let (secure, shared) = (self.secure, self.domain.is_some());
        for name in [&mut self.access, &mut self.refresh] {
            if let Some(possible) = possible_name(name, secure, shared) {
                *name = possible;
            }
        }
        self
    }

    fn name(&self, purpose: Purpose) -> Option<&str> {
        match purpose {
            Purpose::Access => Some(&self.access),
            Purpose::Refresh => Some(&self.refresh),
            Purpose::PasswordReset
            | Purpose::EmailVerification
            | Purpose::MagicLink
            | Purpose::LoginUnlock
            | Purpose::Session => None,
        }
    }

    /// Without `max_age` the cookie ends with the browser session.
    fn header(&self, name: &str, value: &str, max_age: Option<u64>) -> ResponseHeader {
        let same_site = match self.same_site {
            _ if self.cross_site => "None",
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let domain = self.domain.as_deref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        ResponseHeader::new(
            "set-cookie",
            format!("{name}={value}; Path=/{domain}{max_age}{secure}; HttpOnly; SameSite={same_site}"),
        )
    }
}

impl Default for CookieTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for CookieTransport {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        self.name(purpose).map_or(Extracted::Absent, |name| find(&head.header("cookie"), name))
    }

    fn set(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        keep: Keep,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        let Some(name) = self.name(purpose) else { return Ok(Vec::new()) };
        // Browsers drop longer cookies silently.
        if name.len() + token.expose().len() > MAX_NAME_AND_VALUE {
            return Err(SetTokenError::TooLong);
        }
        let max_age = keep.lifetime.min(MAX_AGE).as_secs();
        let max_age = (keep.remembered || !self.ends_with_browser).then_some(max_age);
        Ok(vec![self.header(name, token.expose(), max_age)])
    }

    fn forget(&self, purpose: Purpose) -> Vec<ResponseHeader> {
        self.name(purpose).map(|name| self.header(name, "", Some(0))).into_iter().collect()
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.cross_site && !self.secure {
            return Err(ConfigError::new(
                "danger_same_site_none",
                "browsers reject cookies with `SameSite=None` without `Secure`",
                "use TLS in development, or do not combine `danger_same_site_none` with `danger_insecure`",
            ));
        }
        Ok(())
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Cookie { name: self.access.clone() }
    }

    fn is_ambient(&self) -> bool {
        true
    }

    fn is_insecure(&self) -> bool {
        !self.secure
    }
}

/// The name with another prefix, if browsers would reject this one in combination with the
/// attributes.
pub(crate) fn possible_name(name: &str, secure: bool, shared: bool) -> Option<Box<str>> {
    let host_only = strip_prefix_ignoring_case(name, HOST_PREFIX);
    let bare = host_only.or_else(|| strip_prefix_ignoring_case(name, SECURE_PREFIX));
    match (secure, shared, host_only, bare) {
        (false, _, _, Some(bare)) if !bare.is_empty() => Some(bare.into()),
        (true, true, Some(bare), _) => Some(format!("{SECURE_PREFIX}{bare}").into()),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Browsers compare the prefixes of names without regard to case.
fn strip_prefix_ignoring_case<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether this is a host name of at least two labels (RFC 1123 section 2.1), and not an IP
/// address.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    domain.len() <= 253
        && domain.split('.').count() >= 2
        && domain.split('.').all(is_label)
        && !domain.rsplit('.').next().is_some_and(is_numeric)
}

/// Finds the only cookie of this name. Names compare byte for byte, nothing is decoded, and the
/// other contents of the headers are ignored, well formed or not. HTTP/2 may send one header per
/// cookie.
pub(crate) fn find<'a>(headers: &HeaderValues<'a>, name: &str) -> Extracted<'a> {
    if headers.is_cut_off() || headers.iter().map(<[u8]>::len).sum::<usize>() > MAX_COOKIE_BYTES {
        return Extracted::Malformed(MalformedCredential::TooLong);
    }
    let pairs = headers.iter().flat_map(|header| header.split(|b| *b == b';'));
    let mut values = pairs.filter_map(|pair| value_of(pair, name.as_bytes()));
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Extracted::Malformed(MalformedCredential::Duplicate),
        // Some clients keep an empty value after a logout.
        (None, _) | (Some([]), None) => Extracted::Absent,
        (Some(value), None) => Extracted::token(value),
    }
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut pair = pair;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = pair {
        pair = rest;
    }
    pair.strip_prefix(name)?.strip_prefix(b"=")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::extracted::outcome, *};

    #[track_caller]
    fn check(headers: &[&[u8]], expected: &str) {
        let found = outcome(find(&headers.iter().copied().collect(), "__Host-session"));
        assert_eq!(found, expected);
    }

    #[test]
    fn one_cookie_of_the_name_counts() {
        check(&[b"__Host-session=abc"], "abc");
        check(&[b"a=1; \t__Host-session=abc ;b=2"], "abc");
        check(&[b"a=1", b"__Host-session=abc"], "abc");
        check(&[], "absent");
        check(&[b"__Host-session="], "absent");
    }

    #[test]
    fn neighbours_do_not_matter() {
        check(&[b"bad[name]=x; __Host-session=abc; ; =; \"q\"=\"a b\"; \xff=\xfe"], "abc");
        check(&[b"x=__Host-session=evil; __Host-session=abc"], "abc");
    }

    #[test]
    fn look_alikes_are_other_cookies() {
        for other in [
            "__host-session=a",
            "=__Host-session=a",
            "__Host-session%3Da",
            "__Host%2Dsession=a",
            "x__Host-session=a",
            "__Host-session =a",
        ] {
            check(&[other.as_bytes()], "absent");
        }
    }

    #[test]
    fn two_of_the_name_are_refused() {
        check(&[b"__Host-session=a; __Host-session=a"], "Duplicate");
        check(&[b"__Host-session=a", b"__Host-session=b"], "Duplicate");
    }

    #[test]
    fn values_follow_the_token_grammar() {
        for bad in [
            &b"__Host-session=\"abc\""[..],
            b"__Host-session=a b",
            b"__Host-session=a%20",
            b"__Host-session=\xc3\xa4",
        ] {
            check(&[bad], "Grammar");
        }
    }

    #[test]
    fn the_size_has_a_limit() {
        let padded = |size: usize| {
            let mut header = b"__Host-session=abc; x=".to_vec();
            header.resize(size, b'x');
            header
        };
        check(&[&padded(MAX_COOKIE_BYTES)], "abc");
        check(&[&padded(MAX_COOKIE_BYTES + 1)], "TooLong");
    }

    #[test]
    fn the_number_of_headers_has_a_limit() {
        let mut headers = vec![&b"x=1"[..]; 63];
        headers.push(b"__Host-session=abc");
        check(&headers, "abc");
        headers.push(b"__Host-session=abc");
        check(&headers, "TooLong");
        headers.push(b"__Host-session=abc");
        check(&headers, "TooLong");
    }

    #[test]
    fn names_are_checked() {
        assert!(CookieTransport::new().danger_names("a", "b").is_ok());
        for (access, refresh) in
            [("", "b"), ("a", ""), ("a", "A"), ("a;", "b"), ("a b", "b"), (&*"x".repeat(65), "b")]
        {
            assert!(CookieTransport::new().danger_names(access, refresh).is_err(), "{access} {refresh}");
            let [access, refresh] = [access, refresh].map(|name| format!("__Host-{name}"));
            assert!(CookieTransport::new().names(&*access, &*refresh).is_err(), "{access} {refresh}");
        }
    }

    #[test]
    fn a_name_keeps_its_prefix_unless_danger_is_said() {
        assert!(CookieTransport::new().names("__Host-a", "__Host-b").is_ok());
        assert!(CookieTransport::new().names("__Host-Http-a", "__Host-b").is_ok());
        for (access, refresh) in [
            ("a", "__Host-b"),
            ("__Host-a", "b"),
            ("__Secure-a", "__Host-b"),
            ("__host-a", "__Host-b"),
            ("__Host-", "__Host-b"),
        ] {
            let error = CookieTransport::new().names(access, refresh).unwrap_err();
            assert!(error.to_string().contains("danger_names"), "{error}");
        }
    }

    fn names(cookies: CookieTransport) -> [String; 2] {
        cookies.check().unwrap();
        [cookies.access.into(), cookies.refresh.into()]
    }

    #[test]
    fn prefixes_fit_the_attributes_in_whatever_order_they_are_given() {
        let new = CookieTransport::new;
        let insecure = || new().danger_insecure();
        assert_eq!(names(insecure()), ["session", "refresh"]);
        assert_eq!(names(insecure().names("__Host-a", "__Host-b").unwrap()), ["a", "b"]);
        assert_eq!(names(insecure().danger_names("__secure-a", "b").unwrap()), ["a", "b"]);
        let shared = || new().danger_domain("example.com").unwrap();
        assert_eq!(names(shared()), ["__Secure-session", "__Secure-refresh"]);
        assert_eq!(names(shared().names("__Host-a", "__Host-b").unwrap()), ["__Secure-a", "__Secure-b"]);
        assert_eq!(names(shared().danger_names("__HOST-a", "b").unwrap()), ["__Secure-a", "b"]);
        assert_eq!(names(shared().danger_insecure()), ["session", "refresh"]);
        assert_eq!(names(insecure().danger_domain("example.com").unwrap()), ["session", "refresh"]);
    }

    #[test]
    fn a_domain_is_one_that_others_lie_below() {
        for (given, taken) in [
            ("example.com", "example.com"),
            (".Example.COM", "example.com"),
            ("a-b.c3.example", "a-b.c3.example"),
        ] {
            let cookies = CookieTransport::new().danger_domain(given).unwrap();
            assert_eq!(cookies.domain.as_deref(), Some(taken));
        }
        let long = format!("{}.com", "a".repeat(64));
        for bad in [
            "",
            ".",
            "com",
            "localhost",
            "..example.com",
            "example..com",
            "example.com.",
            "-a.example",
            "a-.example",
            "a_b.example",
            "https://example.com",
            "example.com:80",
            "example.com/x",
            "example.com; x",
            "ex ample.com",
            "127.0.0.1",
            "[::1]",
            "ü.example",
            &long,
        ] {
            assert!(CookieTransport::new().danger_domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cookie_of_other_sites_is_secure() {
        assert!(CookieTransport::new().danger_same_site_none().check().is_ok());
        assert!(CookieTransport::new().danger_same_site_none().danger_insecure().check().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = find(&[header.as_slice()].into_iter().collect(), "s");
        }
    }
}
