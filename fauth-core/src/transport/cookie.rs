//! A cookie that holds the token.

use std::time::Duration;

use super::{Extracted, SecurityScheme, SetTokenError, Transport};
use crate::{
    error::ConfigError,
    rejection::MalformedCredential,
    reply::ResponseHeader,
    request::{HeaderValues, RequestHead},
    token::{IssuedToken, Purpose},
};

/// More than this many bytes of `Cookie` headers are refused; servers stop at about as much.
const MAX_COOKIE_BYTES: usize = 16 * 1024;
/// Browsers drop a cookie whose name and value are longer together (RFC 6265bis section 5.6).
const MAX_NAME_AND_VALUE: usize = 4096;
/// The longest `Max-Age` that browsers honour: 400 days.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// When browsers attach the cookie to requests that other sites cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SameSite {
    /// Only when somebody follows a link. The default.
    #[default]
    Lax,
    /// Never.
    Strict,
}

/// Keeps the access token in a cookie, and the refresh token in a second one.
///
/// The cookies are `__Host-session` and `__Host-refresh` with `Secure`, `HttpOnly`, `Path=/`, `SameSite=Lax` and without `Domain`; their
/// `Max-Age` is the lifetime of the token. Both names must occur at most once in a request, otherwise it is refused with 400.
/// Requests that change something (any method but GET, HEAD and OPTIONS) must come from the application's own origin, or a trusted
/// one: see [`AuthProviderBuilder::trusted_origin`](crate::AuthProviderBuilder::trusted_origin).
///
/// ```
/// use fauth_core::transport::{CookieTransport, SameSite};
///
/// let cookies = CookieTransport::new().names("__Host-id", "__Host-again")?.same_site(SameSite::Strict);
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CookieTransport {
    access: Box<str>,
    refresh: Box<str>,
    same_site: SameSite,
    secure: bool,
}

impl CookieTransport {
    /// Cookies with the safe attributes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            access: "__Host-session".into(),
            refresh: "__Host-refresh".into(),
            same_site: SameSite::Lax,
            secure: true,
        }
    }

    /// Names of the application's own for the cookies of the access and the refresh token.
    ///
    /// # Security
    /// Keep the prefix `__Host-`: without it, another host of the same domain can set a cookie of this name.
    ///
    /// # Errors
    /// [`ConfigError`] if a name is empty, longer than 64 bytes, no token of RFC 9110, or equal to the other.
    pub fn names(
        mut self,
        access: impl Into<String>,
        refresh: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let (access, refresh) = (access.into(), refresh.into());
        if access.eq_ignore_ascii_case(&refresh) || !is_name(&access) || !is_name(&refresh) {
            return Err(ConfigError::new(
                "cookie_names",
                "the names are equal, empty, too long, or have characters that cookie names cannot have",
                "use two different names of letters, digits, `-` and `_`",
            ));
        }
        self.access = access.into_boxed_str();
        self.refresh = refresh.into_boxed_str();
        Ok(self)
    }

    /// When browsers attach the cookies. Default: [`SameSite::Lax`].
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Leaves out `Secure`, and `__Host-` from the names since browsers demand the one for the other. For development without TLS.
    ///
    /// # Security
    /// The cookies travel in clear text; whoever sees them is the user. Each provider that is built with this writes a warning to the log.
    #[must_use]
    pub fn danger_insecure(mut self) -> Self {
        self.secure = false;
        for name in [&mut self.access, &mut self.refresh] {
            if let Some(bare) = name.strip_prefix("__Host-").or_else(|| name.strip_prefix("__Secure-")) {
                *name = bare.into();
            }
        }
        tracing::warn!(target: "fauth", event = "insecure_cookies", "cookies without `Secure`: for development only");
        self
    }

    fn name(&self, purpose: Purpose) -> Option<&str> {
        match purpose {
            Purpose::Access => Some(&self.access),
            Purpose::Refresh => Some(&self.refresh),
            Purpose::PasswordReset | Purpose::EmailVerification | Purpose::MagicLink => None,
        }
    }

    fn header(&self, name: &str, value: &str, max_age: u64) -> ResponseHeader {
        let same_site = match self.same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let secure = if self.secure { "; Secure" } else { "" };
        ResponseHeader::new(
            "set-cookie",
            format!("{name}={value}; Path=/; Max-Age={max_age}{secure}; HttpOnly; SameSite={same_site}"),
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
        lifetime: Duration,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        let Some(name) = self.name(purpose) else { return Ok(Vec::new()) };
        // A longer cookie would be dropped by the browser in silence.
        if name.len() + token.expose().len() > MAX_NAME_AND_VALUE {
            return Err(SetTokenError::TooLong);
        }
        Ok(vec![self.header(name, token.expose(), lifetime.min(MAX_AGE).as_secs())])
    }

    fn clear(&self) -> Vec<ResponseHeader> {
        [&self.access, &self.refresh].map(|name| self.header(name, "", 0)).into()
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

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Finds the one cookie of this name. Names compare byte for byte, nothing is decoded; what else stands in the headers, well formed or not,
/// does not matter. HTTP/2 may send one header per cookie.
fn find<'a>(headers: &HeaderValues<'a>, name: &str) -> Extracted<'a> {
    if headers.is_cut_off() || headers.iter().map(<[u8]>::len).sum::<usize>() > MAX_COOKIE_BYTES {
        return Extracted::Malformed(MalformedCredential::TooLong);
    }
    let pairs = headers.iter().flat_map(|header| header.split(|b| *b == b';'));
    let mut values = pairs.filter_map(|pair| value_of(pair, name.as_bytes()));
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Extracted::Malformed(MalformedCredential::Duplicate),
        // An empty value is what a logout leaves behind in some clients.
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
        assert!(CookieTransport::new().names("a", "b").is_ok());
        for (access, refresh) in
            [("", "b"), ("a", ""), ("a", "A"), ("a;", "b"), ("a b", "b"), (&*"x".repeat(65), "b")]
        {
            assert!(CookieTransport::new().names(access, refresh).is_err(), "{access} {refresh}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = find(&[header.as_slice()].into_iter().collect(), "s");
        }
    }
}
