//! The settings of CSRF tokens, and how they apply to a request.

use super::{
    cookie::{CsrfCookie, check_name},
    origin::is_safe_method,
    token::{Bound, CsrfKeys},
};
use crate::{
    error::ConfigError,
    path::{self, Allowed},
    rejection::CsrfFault,
    request::{RequestHead, is_token_char, is_websocket_connect, opens_websocket},
    transport::{Extracted, SecurityScheme, Transport, find_cookie},
};

/// CSRF tokens in addition to the origin check, for
/// [`AuthProviderBuilder::csrf_tokens`](crate::AuthProviderBuilder::csrf_tokens).
///
/// A request that a cookie authenticates and that may change state must come from one of the
/// application's own pages. Browsers show that in `Sec-Fetch-Site` or `Origin`, which suffices by
/// default. Tokens cover the other cases:
///
/// | origin of the request | without tokens | with tokens | with [`required`](Self::required) |
/// |---|---|---|---|
/// | own or trusted | accepted | accepted | needs a token |
/// | unknown: neither header is present | refused | needs a token | needs a token |
/// | any other | refused | refused | refused |
///
/// A request carries its token in the header `X-CSRF-Token`, which takes precedence, or in the form
/// field `csrf_token`. Only guards read forms, after the user has been authorised, and only forms
/// of the type `application/x-www-form-urlencoded`, without `Content-Encoding` and of at most 16
/// KiB. The handler receives the same bytes. Other bodies are not read: send file uploads with the
/// header.
///
/// Pages get the token from the extractor `CsrfToken` ([`CsrfToken`](crate::CsrfToken)), scripts
/// from the cookie `__Host-csrf`. A token belongs to one session. A login and a
/// [renewal](crate::SessionHandle::renew) set a new one in the same response, a logout deletes it,
/// and a token of another session is refused with 403 `invalid_csrf_token`.
///
/// If the login has no session id, as without any store, the "session" is the user and the second
/// of the login. Two logins of one user in the same second then share their tokens, and a renewal,
/// which keeps the time of the login, does not change them.
///
/// No token is required
///
/// - for a request with a bearer token, whose cookies are ignored;
/// - for GET, HEAD and OPTIONS;
/// - for a WebSocket handshake with `Origin`, which browsers always send there;
/// - for a login: only the origin check applies, even in strict mode, because the login page need
///   not belong to a session. A login replaces the session of the cookies that come with it, so a
///   request can end that session on the strength of its origin alone;
/// - for a refresh by cookie from an own or a trusted origin that has neither the CSRF cookie nor a
///   token, for example after a script or the browser has deleted the cookie. The client could not
///   obtain a token, because the access token may have expired too. The response sets the cookie.
///
/// ```
/// use fauth_core::{CsrfTokens, transport::SessionCookie};
///
/// # let builder = fauth_testing::provider();
/// let auth = builder.transport(SessionCookie::new()).csrf_tokens(CsrfTokens::new()).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "settings take effect only in `AuthProviderBuilder::csrf_tokens`"]
pub struct CsrfTokens {
    header: String,
    field: String,
    cookie: String,
    /// The setting that named the cookie.
    cookie_setting: &'static str,
    required: bool,
    exempt: Vec<String>,
}

/// The maximum length of the names of the header and the field in bytes.
const MAX_NAME_BYTES: usize = 64;

impl CsrfTokens {
    /// Requires a token from requests that do not show their origin, under the default names.
    pub fn new() -> Self {
        Self {
            header: "X-CSRF-Token".to_owned(),
            field: "csrf_token".to_owned(),
            cookie: "__Host-csrf".to_owned(),
            cookie_setting: "cookie_name",
            required: false,
            exempt: Vec::new(),
        }
    }

    /// Enables strict mode: a token is always required, even for an own origin.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets the header in which scripts send the token. Default: `X-CSRF-Token`.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = name.into();
        self
    }

    /// Sets the field in which forms send the token. Default: `csrf_token`. Field names of the
    /// built-in endpoints, such as `token`, are refused.
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.field = name.into();
        self
    }

    /// Exempts a path from [strict mode](Self::required): only the origin check applies to it, as
    /// without strict mode.
    ///
    /// It is one full path as clients request it, including the prefixes of groups, and compares
    /// byte for byte. `/open` covers neither `/open/`, `/openly-other` or `/open/x`, nor another
    /// spelling of the same path, such as `/%6fpen`. The path must not contain characters that
    /// clients percent-encode.
    pub fn exempt(mut self, path: impl Into<String>) -> Self {
        self.exempt.push(path.into());
        self
    }

    /// Sets the name of the cookie for scripts, without its prefix: `staff-csrf` becomes
    /// `__Host-staff-csrf`. Default: `csrf`, as `__Host-csrf`. The prefix is `__Secure-` if the
    /// session cookie has a path other than `/`, and is omitted if that cookie has no `Secure`.
    ///
    /// Two providers with cookies on one host need different names. Otherwise each overwrites the
    /// cookie of the other, and scripts find the token of only one session. Within one process this
    /// logs a warning.
    pub fn cookie_name(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let has_prefix = name.get(..HOST.len()).is_some_and(|start| start.eq_ignore_ascii_case(HOST));
        self.cookie = if has_prefix || name.is_empty() { name.to_owned() } else { format!("{HOST}{name}") };
        self.cookie_setting = "cookie_name";
        self
    }

    /// Sets the name of the cookie for scripts, with or without the prefix `__Host-`, for an
    /// application that migrates and must keep its scripts: `csrf_token` or `pp_csrf`. Default:
    /// `__Host-csrf`.
    ///
    /// # Security
    /// Without the prefix, another host of the same domain, or an attacker who can answer its plain
    /// HTTP requests, can set a cookie of this name. A forged value is still not accepted, but
    /// pages whose scripts read it are refused.
    pub fn danger_cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie = name.into();
        self.cookie_setting = "danger_cookie_name";
        self
    }

    /// Checks the settings against the transports of a provider.
    pub(crate) fn build(
        self,
        keys: CsrfKeys,
        transports: &[Box<dyn Transport>],
        taken_cookies: &[Box<str>],
    ) -> Result<CsrfPolicy, ConfigError> {
        check_header(&self.header, transports)?;
        check_field(&self.field)?;
        check_name(self.cookie_setting, &self.cookie)?;
        self.exempt.iter().try_for_each(|path| check_path(path))?;
        if !self.required && !self.exempt.is_empty() {
            return Err(ConfigError::new(
                "exempt",
                "`.exempt(…)` has no effect without `.required()`, because own pages need no token",
                "add `.required()`, or remove `.exempt(…)`",
            ));
        }
        let beside = |transport: &dyn Transport| {
            transport.is_ambient().then(|| CsrfCookie::beside(transport, &self.cookie))
        };
        let cookies: Box<[_]> = transports.iter().map(|transport| beside(&**transport)).collect();
        if cookies.iter().all(Option::is_none) {
            return Err(ConfigError::new(
                "csrf_tokens",
                "no transport uses cookies, so no request needs a token",
                "add a `SessionCookie` or a `CookieTransport`, or remove `.csrf_tokens(…)`",
            ));
        }
        let names = cookies.iter().flatten().map(CsrfCookie::name);
        if let Some(name) = names.into_iter().find(|name| taken_cookies.iter().any(|taken| **taken == **name))
        {
            return Err(ConfigError::new(
                self.cookie_setting,
                format!("a transport already uses the cookie `{name}`"),
                "use another name for the CSRF cookie",
            ));
        }
        Ok(CsrfPolicy {
            keys,
            lower_header: self.header.to_ascii_lowercase().into(),
            header: self.header.into(),
            field: self.field.into(),
            required: self.required,
            exempt: self.exempt.into_iter().map(Into::into).collect(),
            cookies,
        })
    }
}

impl Default for CsrfTokens {
    fn default() -> Self {
        Self::new()
    }
}

fn check_header(name: &str, transports: &[Box<dyn Transport>]) -> Result<(), ConfigError> {
    let refused = |problem: String| {
        Err(ConfigError::new(
            "header",
            problem,
            "use a name that only scripts send, such as `X-CSRF-Token`, at most 64 bytes",
        ))
    };
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(is_token_char) {
        return refused("the name is empty, too long, or not a header name".to_owned());
    }
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let is_credential = |transport: &dyn Transport| matches!(transport.describe(), SecurityScheme::Header { name } if is(&name));
    if SENT_BY_BROWSERS.iter().any(|other| is(other))
        || transports.iter().any(|other| is_credential(&**other))
    {
        return refused(format!("the header `{name}` has another meaning"));
    }
    Ok(())
}

const SENT_BY_BROWSERS: [&str; 11] = [
    "accept",
    "accept-language",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "referer",
    "user-agent",
];

/// The prefix that binds a cookie to its host.
const HOST: &str = "__Host-";

/// The form fields of the built-in endpoints.
const FIELDS: [&str; 7] =
    ["username", "password", "remember", "scope", "unlock_token", "refresh_token", "token"];

fn check_field(name: &str) -> Result<(), ConfigError> {
    if FIELDS.contains(&name) {
        return Err(ConfigError::new(
            "field",
            format!("`{name}` is a field of the built-in endpoints"),
            "use another name, such as `csrf_token`",
        ));
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(ConfigError::new(
        "field",
        "the name is empty, too long, or has characters that need encoding",
        "use letters, digits, `-` and `_`, at most 64",
    ))
}

fn check_path(path: &str) -> Result<(), ConfigError> {
    let refused = |problem| {
        Err(ConfigError::new(
            "exempt",
            format!("`{}`: {problem}", path.escape_debug()),
            "use one full path as clients send it, such as `/hooks/payment`",
        ))
    };
    let is_canonical = path::canonical(path, &Allowed::default()).is_some_and(|canonical| canonical == path);
    if !is_canonical || path.contains(['?', '#']) {
        return refused("it is not a canonical absolute path");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'`')) {
        return refused("it has characters that clients encode, so no request would match");
    }
    // The author of a pattern means more than one path, and would find the others refused.
    if path.contains(['*', '{', '}', '<', '>']) || path.split('/').any(|segment| segment.starts_with(':')) {
        return refused("patterns are not supported");
    }
    Ok(())
}

/// The token that a request has sent.
pub(crate) type Sent<'a> = Result<&'a [u8], CsrfFault>;

/// The settings after validation.
#[derive(Debug)]
pub(crate) struct CsrfPolicy {
    keys: CsrfKeys,
    header: Box<str>,
    lower_header: Box<str>,
    field: Box<str>,
    required: bool,
    exempt: Box<[Box<str>]>,
    /// One per ambient transport, in the provider's order.
    cookies: Box<[Option<CsrfCookie>]>,
}

impl CsrfPolicy {
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    pub(crate) const fn keys(&self) -> &CsrfKeys {
        &self.keys
    }

    /// The CSRF cookie of the transport at this position.
    pub(crate) fn cookie(&self, place: usize) -> Option<&CsrfCookie> {
        self.cookies.get(place)?.as_ref()
    }

    /// The CSRF cookies of all transports, without duplicates.
    pub(crate) fn cookies(&self) -> Vec<&CsrfCookie> {
        let mut cookies: Vec<&CsrfCookie> = Vec::new();
        for cookie in self.cookies.iter().flatten() {
            if !cookies.contains(&cookie) {
                cookies.push(cookie);
            }
        }
        cookies
    }

    /// The names of these cookies.
    pub(crate) fn cookie_names(&self) -> Vec<Box<str>> {
        self.cookies().into_iter().map(|cookie| cookie.name().into()).collect()
    }

    /// Whether a request needs a token even from an own or a trusted origin.
    pub(crate) fn asks_own(&self, head: &dyn RequestHead, allowed: &Allowed) -> bool {
        self.required && !names_origin_of_websocket(head) && !self.is_exempt(head, allowed)
    }

    fn is_exempt(&self, head: &dyn RequestHead, allowed: &Allowed) -> bool {
        if self.exempt.is_empty() {
            return false;
        }
        // A path that has to be decoded is another spelling, which a router may resolve
        // differently.
        let is_as_sent = |path: &str| path == head.path();
        path::canonical(head.path(), allowed)
            .is_some_and(|path| is_as_sent(&path) && self.exempt.iter().any(|exempt| **exempt == *path))
    }

    /// The token in the header; `None` if the header is missing.
    pub(crate) fn in_header<'a>(&self, head: &'a dyn RequestHead) -> Option<Sent<'a>> {
        let values = head.header(&self.lower_header);
        if values.is_empty() {
            return None;
        }
        Some(values.single().ok_or(CsrfFault::Duplicate))
    }

    /// Whether the request's CSRF cookie is valid for this login. The cookie never authorises a
    /// request; this only tells whether it has to be set.
    pub(crate) fn has_good_cookie(&self, head: &dyn RequestHead, place: usize, bound: &Bound<'_>) -> bool {
        let Some(cookie) = self.cookie(place) else { return true };
        match find_cookie(&head.header("cookie"), cookie.name()) {
            Extracted::Token(value) => self.keys.check(bound, value.as_bytes()).is_ok(),
            Extracted::Absent | Extracted::Malformed(_) => false,
        }
    }

    /// Whether the request has neither a token in its head nor the cookie in which a script would
    /// find one.
    pub(crate) fn finds_nothing(&self, head: &dyn RequestHead, place: usize) -> bool {
        let Some(cookie) = self.cookie(place) else { return false };
        let found = find_cookie(&head.header("cookie"), cookie.name());
        self.in_header(head).is_none() && matches!(found, Extracted::Absent)
    }

    /// Checks the field of a form.
    pub(crate) fn check_form(&self, form: &[u8], bound: &Bound<'_>) -> Result<(), CsrfFault> {
        let mut fields = form_urlencoded::parse(form).filter(|(name, _)| *name == *self.field);
        match (fields.next(), fields.next()) {
            (None, _) => Err(CsrfFault::Missing),
            (Some(_), Some(_)) => Err(CsrfFault::Duplicate),
            (Some((_, value)), None) => self.keys.check(bound, value.as_bytes()),
        }
    }
}

/// Browsers name the origin in every handshake, and let no page add a header.
fn names_origin_of_websocket(head: &dyn RequestHead) -> bool {
    let is_handshake = is_websocket_connect(head) || (head.method() == "GET" && opens_websocket(head));
    is_handshake && !head.header("origin").is_empty()
}

/// Whether a guard may read the token from the body: an urlencoded form without encoding. The data
/// after the head of a handshake is not a body, whatever type it claims, and may never end.
pub(crate) fn has_form(head: &dyn RequestHead) -> bool {
    let content_type = head.header("content-type");
    let media_type = content_type.single().and_then(|value| value.split(|byte| *byte == b';').next());
    !is_safe_method(head.method())
        && head.method() != "CONNECT"
        && !opens_websocket(head)
        && media_type.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(FORM))
        && head.header("content-encoding").is_empty()
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{BearerTransport, SessionCookie};

    fn built(tokens: CsrfTokens) -> Result<CsrfPolicy, ConfigError> {
        let transports: Vec<Box<dyn Transport>> =
            vec![Box::new(BearerTransport::new()), Box::new(SessionCookie::new())];
        tokens.build(CsrfKeys::new(std::iter::empty()), &transports, &["__Host-session".into()])
    }

    #[track_caller]
    fn refused(tokens: CsrfTokens, field: &str) {
        assert_eq!(built(tokens).unwrap_err().field(), field);
    }

    #[test]
    fn what_is_exempt_is_one_whole_path() {
        for good in ["/", "/open", "/open/", "/a/b.c", "/a:b", "/~a/b-c_d"] {
            assert!(built(CsrfTokens::new().required().exempt(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "open",
            "//open",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/open?x",
            "/open#x",
            "/a%20b",
            "/a%2Fb",
            "/a;b",
            "/a\\b",
            "https://app.example/open",
            "/open/*",
            "/users/{id}",
            "/users/:id",
            "/<id>",
            "*",
            "/a\nb",
            "/a b",
            "/café",
        ] {
            refused(CsrfTokens::new().required().exempt("/fine").exempt(bad), "exempt");
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(
            built(CsrfTokens::new().header("X-XSRF").field("_csrf").danger_cookie_name("pp_csrf")).is_ok()
        );
        for bad in ["", "X CSRF", "X-CSRF:", "Cookie", "authorization", "Origin", &"x".repeat(65)] {
            refused(CsrfTokens::new().header(bad), "header");
        }
        for bad in ["", "a b", "a[b]", "\"><script>", "ü", &"x".repeat(65)].into_iter().chain(FIELDS) {
            refused(CsrfTokens::new().field(bad), "field");
        }
        assert_eq!(built(CsrfTokens::new().field("tokens")).unwrap().field(), "tokens");
        for bad in ["", "a b", "a;b", "session", "__Host-session", "Http-csrf", &"x".repeat(65)] {
            refused(CsrfTokens::new().cookie_name(bad), "cookie_name");
        }
        for bad in ["", "a b", "a;b", "a=b", "__Host-session", "__Http-csrf", &"x".repeat(65)] {
            refused(CsrfTokens::new().danger_cookie_name(bad), "danger_cookie_name");
        }
    }

    #[test]
    fn a_cookie_with_a_name_of_its_own_keeps_its_prefix() {
        for name in ["staff-csrf", "__Host-staff-csrf"] {
            let policy = built(CsrfTokens::new().cookie_name(name)).unwrap();
            assert_eq!(policy.cookies().first().unwrap().name(), "__Host-staff-csrf");
        }
    }

    #[test]
    fn without_cookies_there_is_nothing_to_protect() {
        let transports: Vec<Box<dyn Transport>> = vec![Box::new(BearerTransport::new())];
        let error = CsrfTokens::new().build(CsrfKeys::new(std::iter::empty()), &transports, &[]).unwrap_err();
        assert_eq!(error.field(), "csrf_tokens");
    }
}
