//! The cookie from which scripts read the token. It has the attributes of the session cookie,
//! except `HttpOnly` and `Domain`.

use std::time::Duration;

use crate::{
    error::ConfigError,
    reply::ResponseHeader,
    transport::{Transport, possible_name},
};

/// The CSRF cookie that accompanies the cookies of one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsrfCookie {
    name: Box<str>,
    /// The attributes before and after `Max-Age`, each preceded by a semicolon.
    attributes: [Box<str>; 2],
}

impl CsrfCookie {
    /// Derives the attributes from the header with which the transport deletes its own cookie. An
    /// ambient transport that sets no cookie gets the safe attributes.
    ///
    /// `Domain` is never copied: scripts on other hosts do not need the token, and a guard sets the
    /// cookie on each host where it is missing.
    pub(super) fn beside(transport: &dyn Transport, name: &str) -> Self {
        let deleted = transport.clear().into_iter().find(|header| header.name() == "set-cookie");
        let example = deleted.as_ref().map_or(SAFE, ResponseHeader::value);
        let mut attributes = [String::new(), String::new()];
        let (mut place, mut is_secure, mut is_at_root) = (0_usize, false, false);
        for attribute in example.split(';').skip(1).map(str::trim) {
            match key_of(attribute).as_str() {
                "max-age" | "expires" => place = 1,
                "httponly" | "domain" | "" => {}
                key => {
                    is_secure |= key == "secure";
                    is_at_root |= attribute.eq_ignore_ascii_case("path=/");
                    if let Some(list) = attributes.get_mut(place) {
                        list.push_str("; ");
                        list.push_str(attribute);
                    }
                }
            }
        }
        let name = possible_name(name, is_secure, !is_at_root).unwrap_or_else(|| name.into());
        Self { name, attributes: attributes.map(Into::into) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sets a value with the `Max-Age` of `beside`, the cookie that is set in the same response.
    pub(crate) fn set_beside(&self, value: &str, beside: &[ResponseHeader]) -> ResponseHeader {
        let cookies = beside.iter().filter(|header| header.name() == "set-cookie");
        let ages = cookies.flat_map(|header| header.value().split(';').skip(1));
        let age = ages.map(str::trim).find(|attribute| key_of(attribute) == "max-age");
        self.header(value, age.map(|age| age.split_once('=').map_or("", |(_, seconds)| seconds)))
    }

    /// Sets a value with this lifetime.
    pub(crate) fn set_for(&self, value: &str, lifetime: Duration) -> ResponseHeader {
        self.header(value, Some(&lifetime.as_secs().to_string()))
    }

    /// Deletes the cookie.
    pub(crate) fn forget(&self) -> ResponseHeader {
        self.header("", Some("0"))
    }

    fn header(&self, value: &str, max_age: Option<&str>) -> ResponseHeader {
        let Self { name, attributes: [before, after] } = self;
        let max_age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        ResponseHeader::new("set-cookie", format!("{name}={value}{before}{max_age}{after}"))
    }
}

const SAFE: &str = "x=; Path=/; Max-Age=0; Secure; SameSite=Lax";

fn key_of(attribute: &str) -> String {
    attribute.split('=').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Checks the name of the cookie. Browsers reserve some prefixes for cookies that scripts cannot
/// read.
pub(super) fn check_name(setting: &'static str, name: &str) -> Result<(), ConfigError> {
    let starts_with =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if ["__Http-", "__Host-Http-"].into_iter().any(starts_with) {
        return Err(ConfigError::new(
            setting,
            "scripts cannot read cookies with the prefixes `__Http-` and `__Host-Http-`, and must read this one",
            "remove the prefix",
        ));
    }
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_name {
        return Ok(());
    }
    Err(ConfigError::new(
        setting,
        "the name is empty, too long, or has invalid characters",
        "use letters, digits, `-` and `_`, at most 64",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        request::RequestHead,
        token::Purpose,
        transport::{CookieTransport, Extracted, SameSite, SecurityScheme, SessionCookie},
    };

    fn set(transport: &dyn Transport) -> String {
        CsrfCookie::beside(transport, "__Host-csrf").header("v", None).value().to_owned()
    }

    #[test]
    fn it_has_the_attributes_of_its_neighbour_and_no_http_only() {
        assert_eq!(set(&SessionCookie::new()), "__Host-csrf=v; Path=/; Secure; SameSite=Lax");
        let strict = CookieTransport::new().same_site(SameSite::Strict);
        assert_eq!(set(&strict), "__Host-csrf=v; Path=/; Secure; SameSite=Strict");
        assert_eq!(set(&CookieTransport::new().danger_insecure()), "csrf=v; Path=/; SameSite=Lax");
        let shared = CookieTransport::new().danger_domain("example.com").unwrap();
        assert_eq!(set(&shared), "__Host-csrf=v; Path=/; Secure; SameSite=Lax");
    }

    /// Browsers reject `__Host-` with a path other than `/`.
    #[test]
    fn beside_a_cookie_of_one_path_it_does_without_the_prefix_for_hosts() {
        #[derive(Debug)]
        struct At(&'static str);
        impl Transport for At {
            fn extract<'a>(&self, _: &'a dyn RequestHead, _: Purpose) -> Extracted<'a> {
                Extracted::Absent
            }

            fn describe(&self) -> SecurityScheme {
                SecurityScheme::Cookie { name: "x".into() }
            }

            fn is_ambient(&self) -> bool {
                true
            }

            fn clear(&self) -> Vec<ResponseHeader> {
                vec![ResponseHeader::new("set-cookie", format!("x=; {}Max-Age=0; Secure", self.0))]
            }
        }
        assert_eq!(set(&At("Path=/; ")), "__Host-csrf=v; Path=/; Secure");
        assert_eq!(set(&At("Path=/staff; ")), "__Secure-csrf=v; Path=/staff; Secure");
        assert_eq!(set(&At("")), "__Secure-csrf=v; Secure");
    }

    #[test]
    fn names_that_scripts_cannot_read_are_refused() {
        for bad in ["__Http-csrf", "__http-csrf", "__Host-Http-csrf", "__HOST-HTTP-csrf"] {
            assert_eq!(check_name("cookie_name", bad).unwrap_err().field(), "cookie_name", "{bad}");
        }
        for good in ["__Host-csrf", "__Secure-csrf", "Http-csrf", "csrf"] {
            assert!(check_name("cookie_name", good).is_ok(), "{good}");
        }
    }

    #[test]
    fn it_lives_as_long_as_its_neighbour() {
        let cookie = CsrfCookie::beside(&SessionCookie::new(), "__Host-csrf");
        let beside = |value: &str| {
            let beside = ResponseHeader::new("set-cookie", value);
            cookie.set_beside("v", &[beside]).value().to_owned()
        };
        let aged = "__Host-csrf=v; Path=/; Max-Age=60; Secure; SameSite=Lax";
        assert_eq!(beside("a=b; Path=/; Max-Age=60; Secure"), aged);
        assert_eq!(beside("a=Max-Age=9; Path=/; Secure"), "__Host-csrf=v; Path=/; Secure; SameSite=Lax");
        assert_eq!(cookie.set_for("v", Duration::from_secs(60)).value(), aged);
        let gone = "__Host-csrf=; Path=/; Max-Age=0; Secure; SameSite=Lax";
        assert_eq!(cookie.forget().value(), gone);
    }
}
