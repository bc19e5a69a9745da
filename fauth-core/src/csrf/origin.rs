//! The origin check: what a browser says about the page that sent a request.

use crate::{
    error::ConfigError,
    rejection::OriginFault,
    request::{HeaderValues, RequestHead},
};

/// What a request says about its origin.
pub(crate) struct Origin<'a> {
    pub(crate) sec_fetch_site: HeaderValues<'a>,
    pub(crate) named: HeaderValues<'a>,
    pub(crate) host: HeaderValues<'a>,
    /// Whether the own origin may be plain HTTP: only if cookies without `Secure` are configured.
    pub(crate) plain_http: bool,
}

impl<'a> Origin<'a> {
    /// Reads the request's own origin and that of its initiator.
    pub(crate) fn of(head: &'a dyn RequestHead, plain_http: bool) -> Self {
        Self {
            sec_fetch_site: head.header("sec-fetch-site"),
            named: head.header("origin"),
            host: head.header("host"),
            plain_http,
        }
    }
}

/// Origins other than the own one whose pages may send requests with the user's cookie.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedOrigins(Vec<Box<str>>);

impl TrustedOrigins {
    /// Accepts exact origins: `scheme://host` or `scheme://host:port`, without a path. The default
    /// port is equivalent to none.
    pub(crate) fn new(origins: Vec<String>) -> Result<Self, ConfigError> {
        for origin in &origins {
            if !is_origin(origin) {
                return Err(ConfigError::new(
                    "trusted_origin",
                    "the text is not an origin",
                    "use scheme, host and, if it is not the default, port, such as `https://app.example.com`; \
                     the schemes are https, http, capacitor, ionic and tauri",
                ));
            }
        }
        let exact = |origin: String| {
            let origin = origin.to_ascii_lowercase();
            String::from_utf8_lossy(without_default_port(origin.as_bytes())).into()
        };
        Ok(Self(origins.into_iter().map(exact).collect()))
    }

    fn contains(&self, origin: &[u8]) -> bool {
        let origin = without_default_port(origin);
        self.0.iter().any(|trusted| trusted.as_bytes() == origin)
    }
}

/// Browsers omit the default port from `Origin` (RFC 6454 section 6.1).
fn without_default_port(origin: &[u8]) -> &[u8] {
    let port: &[u8] = match origin {
        [b'h', b't', b't', b'p', b's', b':', ..] => b":443",
        [b'h', b't', b't', b'p', b':', ..] => b":80",
        _ => return origin,
    };
    origin.strip_suffix(port).unwrap_or(origin)
}

/// The schemes of the web, and those from which applications in a web view send requests.
const SCHEMES: [&str; 5] = ["https", "http", "capacitor", "ionic", "tauri"];

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let host_ends_well = host.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ']');
    SCHEMES.contains(&scheme)
        && !host.starts_with([':', '.'])
        && host_ends_well
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

/// GET, HEAD and OPTIONS are safe (RFC 9110 section 9.2.1); every other method may change state.
pub(crate) fn is_safe_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Whether the request shows its origin, as browsers do.
pub(crate) fn names_origin(head: &dyn RequestHead) -> bool {
    ["sec-fetch-site", "origin"].iter().any(|name| !head.header(name).is_empty())
}

/// Whether the user opened this URL from the address bar, a bookmark or another program.
pub(crate) fn was_opened_from_outside(head: &dyn RequestHead) -> bool {
    head.header("sec-fetch-site").single() == Some(b"none")
}

/// `Sec-Fetch-Site` decides; without it `Origin` must be own or trusted. A request with neither is
/// refused: a client that is not a browser can send its token in a header instead.
pub(crate) fn check_own_request(request: &Origin<'_>, trusted: &TrustedOrigins) -> Result<(), OriginFault> {
    if request.named.single().is_some_and(|origin| trusted.contains(origin)) {
        return Ok(());
    }
    if !request.sec_fetch_site.is_empty() {
        let is_own = matches!(request.sec_fetch_site.single(), Some(b"same-origin" | b"none"));
        return if is_own { Ok(()) } else { Err(OriginFault::Foreign) };
    }
    if request.named.is_empty() {
        return Err(OriginFault::Missing);
    }
    // A `Secure` cookie belongs to an https origin, whatever scheme reaches this server: behind a
    // proxy that terminates TLS it is http.
    match (is_host_at(request, b"https://", b":443"), is_host_at(request, b"http://", b":80")) {
        (true, _) => Ok(()),
        (false, true) if request.plain_http => Ok(()),
        (false, true) => Err(OriginFault::PlainHttp),
        (false, false) => Err(OriginFault::Foreign),
    }
}

/// Whether the request itself shows that a page of another origin sent it. A request that shows
/// nothing, as from most programs, is not foreign. For credentials that browsers remember, such as
/// Basic.
pub(crate) fn is_foreign_request(request: &Origin<'_>, trusted: &TrustedOrigins) -> bool {
    matches!(check_own_request(request, trusted), Err(OriginFault::Foreign | OriginFault::PlainHttp))
}

/// Whether the origin of the request is its own host at this scheme.
fn is_host_at(request: &Origin<'_>, scheme: &[u8], default_port: &[u8]) -> bool {
    let (Some(origin), Some(host)) = (request.named.single(), request.host.single()) else { return false };
    let bare = |host: &[u8]| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    origin.strip_prefix(scheme).is_some_and(|named| !named.is_empty() && bare(named) == bare(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: Option<&'static str>) -> HeaderValues<'static> {
        value.map(str::as_bytes).into_iter().collect()
    }

    fn own(site: Option<&'static str>, origin: Option<&'static str>, plain_http: bool) -> bool {
        let trusted = TrustedOrigins::new(vec!["https://partner.example".to_owned()]).unwrap();
        let request = Origin {
            sec_fetch_site: values(site),
            named: values(origin),
            host: values(Some("app.example")),
            plain_http,
        };
        check_own_request(&request, &trusted).is_ok()
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let fault = |site, origin| {
            let request = Origin {
                sec_fetch_site: values(site),
                named: values(origin),
                host: values(Some("app.example")),
                plain_http: false,
            };
            check_own_request(&request, &TrustedOrigins::default()).unwrap_err()
        };
        assert_eq!(fault(None, None), OriginFault::Missing);
        assert_eq!(fault(None, Some("http://app.example")), OriginFault::PlainHttp);
        assert_eq!(fault(None, Some("https://evil.example")), OriginFault::Foreign);
        assert_eq!(fault(None, Some("")), OriginFault::Foreign);
        assert_eq!(fault(Some("cross-site"), None), OriginFault::Foreign);
        assert_eq!(fault(Some("same-site"), Some("http://app.example")), OriginFault::Foreign);
    }

    #[test]
    fn the_browsers_word_decides() {
        assert!(own(Some("same-origin"), None, false));
        assert!(own(Some("none"), Some("https://evil.example"), false));
        for site in ["same-site", "cross-site", "same-origin, none", "SAME-ORIGIN", ""] {
            assert!(!own(Some(site), Some("https://app.example"), false), "{site}");
            assert!(own(Some(site), Some("https://partner.example"), false), "{site}");
        }
    }

    #[test]
    fn without_it_the_origin_must_be_ours() {
        assert!(own(None, Some("https://app.example"), false));
        assert!(own(None, Some("https://app.example:443"), false));
        assert!(own(None, Some("https://partner.example"), false));
        for origin in [
            "http://app.example",
            "https://app.example:8443",
            "https://evil.example",
            "https://app.example.evil.example",
            "http://partner.example",
            "null",
            "https://",
            "",
        ] {
            assert!(!own(None, Some(origin), false), "{origin}");
        }
        assert!(!own(None, None, false), "no proof at all");
    }

    #[test]
    fn plain_http_is_ours_only_in_development() {
        assert!(own(None, Some("http://app.example"), true));
        assert!(own(None, Some("http://app.example:80"), true));
        assert!(own(None, Some("https://app.example"), true));
        assert!(!own(None, Some("http://app.example:443"), true));
        assert!(!own(None, Some("http://evil.example"), true));
    }

    /// An empty origin is never own, even if the host is empty too.
    #[test]
    fn an_origin_without_a_host_is_not_ours() {
        let request = |named| Origin {
            sec_fetch_site: HeaderValues::default(),
            named: values(Some(named)),
            host: values(Some("")),
            plain_http: true,
        };
        for named in ["https://", "http://"] {
            assert!(check_own_request(&request(named), &TrustedOrigins::default()).is_err(), "{named}");
        }
    }

    #[test]
    fn only_what_says_so_is_foreign() {
        let foreign = |site: Option<&'static str>, origin: Option<&'static str>| {
            let trusted = TrustedOrigins::new(vec!["https://partner.example".to_owned()]).unwrap();
            let request = Origin {
                sec_fetch_site: values(site),
                named: values(origin),
                host: values(Some("app.example")),
                plain_http: true,
            };
            is_foreign_request(&request, &trusted)
        };
        assert!(!foreign(None, None));
        for site in ["same-origin", "none"] {
            assert!(!foreign(Some(site), None), "{site}");
        }
        for site in ["same-site", "cross-site", ""] {
            assert!(foreign(Some(site), None), "{site}");
            assert!(!foreign(Some(site), Some("https://partner.example")), "{site}");
        }
        for origin in ["https://app.example", "http://app.example", "https://partner.example"] {
            assert!(!foreign(None, Some(origin)), "{origin}");
        }
        for origin in ["https://evil.example", "null", "", "https://app.example:8443"] {
            assert!(foreign(None, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn two_origins_are_no_origin() {
        let two = || [b"https://app.example".as_slice(), b"https://app.example"].into_iter().collect();
        let trusted = TrustedOrigins::default();
        let request = |sec_fetch_site| Origin {
            sec_fetch_site,
            named: two(),
            host: values(Some("app.example")),
            plain_http: false,
        };
        assert!(check_own_request(&request(HeaderValues::default()), &trusted).is_err());
        let twice = [b"same-origin".as_slice(), b"same-origin"].into_iter().collect();
        assert!(check_own_request(&request(twice), &trusted).is_err());
    }

    #[test]
    fn the_default_port_is_as_good_as_none() {
        let trusts = |trusted: &str, origin: &str| {
            TrustedOrigins::new(vec![trusted.to_owned()]).unwrap().contains(origin.as_bytes())
        };
        for (one, other) in [
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            for (trusted, origin) in [(one, other), (other, one), (one, one), (other, other)] {
                assert!(trusts(trusted, origin), "{trusted} {origin}");
            }
        }
        for (trusted, origin) in [
            ("https://a.example:80", "https://a.example"),
            ("http://a.example:443", "http://a.example"),
            ("https://a.example", "http://a.example"),
            ("https://a.example:8443", "https://a.example"),
            ("tauri://a.example:443", "tauri://a.example"),
            ("capacitor://localhost", "ionic://localhost"),
            ("capacitor://localhost", "https://localhost"),
        ] {
            assert!(!trusts(trusted, origin), "{trusted} {origin}");
        }
        assert!(trusts("capacitor://localhost", "capacitor://localhost"));
        assert!(trusts("https://my_app.example", "https://my_app.example"));
    }

    #[test]
    fn a_trusted_origin_is_exact() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "https://[::1]:8443",
            "https://[::1]",
            "https://A.example",
            "https://my_app.example",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
        ] {
            assert!(TrustedOrigins::new(vec![good.to_owned()]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "null",
            "*",
            "a.example",
            "//a.example",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example?x",
            "https://a.example#x",
            "https://*.example",
            "https://a@b.example",
            "ftp://a.example",
            "file://",
            "capacitor://",
            "data://a.example",
            "javascript://a.example",
            "https://:80",
            "https://a.example:",
        ] {
            assert!(TrustedOrigins::new(vec![bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
