//! URLs that keys may be fetched from: `https`, and `http` on a loopback host.

use crate::authority::{host_of, is_loopback};

/// Longer than any issuer's URL, and short enough for every log.
const LONGEST: usize = 2048;

/// Which URLs are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Only `https`, for a URL in a document that came over `https`.
    Https,
    /// Also `http` to a loopback host.
    HttpLocally,
    /// Also `http` to any host.
    DangerHttp,
}

/// Checks the form of a URL. The error continues a sentence whose subject is the URL.
pub(crate) fn check_url(url: &str, allowed: Allowed) -> Result<(), &'static str> {
    if url.len() > LONGEST {
        return Err("is longer than 2048 bytes");
    }
    // Some parsers treat a backslash as a slash, and so would see another host.
    if !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err("has white space, a backslash, or characters that are not ASCII");
    }
    let (rest, plain) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Err("does not begin with `https://`"),
    };
    if rest.contains('#') {
        return Err("has a fragment (`#…`)");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("contains a user name or password");
    }
    let host = host_of(authority).ok_or("has no host, or a port that is not a number")?;
    match (plain, allowed) {
        (false, _) | (true, Allowed::DangerHttp) => Ok(()),
        (true, Allowed::HttpLocally) if is_loopback(host) => Ok(()),
        (true, _) => Err("is plain `http`, which anyone on the network path can change: use `https`"),
    }
}

/// Whether the URL is plain `http`.
pub(crate) fn is_plain(url: &str) -> bool {
    url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_to_this_machine() {
        for url in [
            "https://a.example",
            "https://a.example:8443/x/y?z=1",
            "https://[2001:db8::1]:443/",
            "https://a.example/a@b",
        ] {
            assert_eq!(check_url(url, Allowed::Https), Ok(()), "{url}");
            assert_eq!(check_url(url, Allowed::HttpLocally), Ok(()), "{url}");
        }
        for url in ["http://localhost:8080/jwks", "http://127.0.0.1/", "http://127.8.9.1", "http://[::1]:9/"]
        {
            assert_eq!(check_url(url, Allowed::HttpLocally), Ok(()), "{url}");
            assert!(check_url(url, Allowed::Https).is_err(), "{url}");
        }
        for url in
            ["http://a.example/", "http://localhost.example/", "http://127.0.0.1.example/", "http://[::2]/"]
        {
            assert!(check_url(url, Allowed::HttpLocally).is_err(), "{url}");
            assert_eq!(check_url(url, Allowed::DangerHttp), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_can_be_misread_is_refused() {
        for url in [
            "",
            "a.example",
            "ftp://a.example",
            "HTTPS://a.example",
            "https:/a.example",
            "https://",
            "https:///x",
            "https://a.example#x",
            "https://user@a.example",
            "https://user:pw@a.example/",
            "https://a.example:port/",
            "https://a.example:99999/",
            "https://a.example\\@b.example/",
            "https://a.example/ x",
            "https://ä.example/",
            "https://[::1",
            "https://[::1]x/",
            "https://[zz]/",
            "https://a.example/\n",
            "http://localhost@a.example/",
        ] {
            assert!(check_url(url, Allowed::DangerHttp).is_err(), "{url:?}");
        }
        let long = format!("https://a.example/{}", "x".repeat(LONGEST));
        assert!(check_url(&long, Allowed::DangerHttp).is_err());
    }
}
