//! The cookie that scripts read the value from: it has the attributes of the cookie beside it, but
//! for `HttpOnly`.

use crate::{
    error::ConfigError,
    reply::ResponseHeader,
    transport::{Transport, possible_name},
};

/// The cookie as it is set beside those of one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsrfCookie {
    name: Box<str>,
    /// The attributes before `Max-Age`, each with its semicolon, and those after it.
    attributes: [Box<str>; 2],
}

impl CsrfCookie {
    /// As the transport deletes its own cookie, so is this one set. One of another kind that is
    /// attached unasked, and sets no cookie, gets the safe attributes.
    pub(super) fn beside(transport: &dyn Transport, name: &str) -> Self {
        let deleted = transport.clear().into_iter().find(|header| header.name() == "set-cookie");
        let example = deleted.as_ref().map_or(SAFE, ResponseHeader::value);
        let mut attributes = [String::new(), String::new()];
        let (mut place, mut is_secure, mut has_domain) = (0_usize, false, false);
        for attribute in example.split(';').skip(1).map(str::trim) {
            match key_of(attribute).as_str() {
                "max-age" | "expires" => place = 1,
                "httponly" | "" => {}
                key => {
                    is_secure |= key == "secure";
                    has_domain |= key == "domain";
                    if let Some(list) = attributes.get_mut(place) {
                        list.push_str("; ");
                        list.push_str(attribute);
                    }
                }
            }
        }
        let name = possible_name(name, is_secure, has_domain).unwrap_or_else(|| name.into());
        Self { name, attributes: attributes.map(Into::into) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sets a value for as long as `beside`, the cookie that is set with it.
    pub(crate) fn set_beside(&self, value: &str, beside: &[ResponseHeader]) -> ResponseHeader {
        let cookies = beside.iter().filter(|header| header.name() == "set-cookie");
        let ages = cookies.flat_map(|header| header.value().split(';').skip(1));
        let age = ages.map(str::trim).find(|attribute| key_of(attribute) == "max-age");
        self.header(value, age.map(|age| age.split_once('=').map_or("", |(_, seconds)| seconds)))
    }

    /// Sets a value that ends with the browser.
    pub(crate) fn set(&self, value: &str) -> ResponseHeader {
        self.header(value, None)
    }

    /// Deletes it.
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

/// What a cookie name may consist of.
pub(super) fn check_name(name: &str) -> Result<(), ConfigError> {
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_name {
        return Ok(());
    }
    Err(ConfigError::new(
        "danger_cookie_name",
        "the name is empty, too long, or has characters that cookie names cannot have",
        "use letters, digits, `-` and `_`, at most 64",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{CookieTransport, SameSite, SessionCookie};

    fn set(transport: &dyn Transport) -> String {
        CsrfCookie::beside(transport, "__Host-csrf").set("v").value().to_owned()
    }

    #[test]
    fn it_has_the_attributes_of_its_neighbour_and_no_http_only() {
        assert_eq!(set(&SessionCookie::new()), "__Host-csrf=v; Path=/; Secure; SameSite=Lax");
        let strict = CookieTransport::new().same_site(SameSite::Strict);
        assert_eq!(set(&strict), "__Host-csrf=v; Path=/; Secure; SameSite=Strict");
        assert_eq!(set(&CookieTransport::new().danger_insecure()), "csrf=v; Path=/; SameSite=Lax");
        let shared = CookieTransport::new().danger_domain("example.com").unwrap();
        assert_eq!(set(&shared), "__Secure-csrf=v; Path=/; Domain=example.com; Secure; SameSite=Lax");
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
        let gone = "__Host-csrf=; Path=/; Max-Age=0; Secure; SameSite=Lax";
        assert_eq!(cookie.forget().value(), gone);
    }
}
