//! A response as plain data. Adapters convert it into their framework's response unchanged.

use std::borrow::Cow;

/// A response: status, headers and body.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    headers: Vec<ResponseHeader>,
    body: Vec<u8>,
    answers_head: bool,
}

impl Reply {
    /// A response without headers or body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), answers_head: false }
    }

    /// The headers that are removed from a response when a refusal replaces it: those about its
    /// body, and those that every refusal sets itself. Cookies and the headers of middleware stay.
    pub const SUPERSEDED: [&'static str; 14] = [
        "accept-ranges",
        "allow",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "retry-after",
        "www-authenticate",
    ];

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, header: ResponseHeader) -> Self {
        self.headers.push(header);
        self
    }

    /// Sets the body and its `Content-Type`.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.replace(ResponseHeader::new("content-type", content_type));
        self.body = body.into();
        self
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers, in order. A name may occur more than once.
    #[must_use]
    pub fn headers(&self) -> &[ResponseHeader] {
        &self.headers
    }

    /// The body as bytes.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Returns whether the body was dropped because the request was HEAD. Then do not announce a
    /// length of zero, which would be taken for that of the GET answer ([RFC 9110 section
    /// 8.6](https://www.rfc-editor.org/rfc/rfc9110#section-8.6)).
    #[must_use]
    pub const fn answers_head(&self) -> bool {
        self.answers_head
    }

    /// Status, headers and body, for an adapter.
    #[must_use]
    pub fn into_parts(self) -> (u16, Vec<ResponseHeader>, Vec<u8>) {
        (self.status, self.headers, self.body)
    }

    /// Sets a header that may occur only once.
    pub(crate) fn replace(&mut self, header: ResponseHeader) {
        self.headers.retain(|other| other.name != header.name);
        self.headers.push(header);
    }

    /// The answer to HEAD has no body (RFC 9110 section 9.3.2).
    pub(crate) fn for_method(mut self, method: &str) -> Self {
        if method == "HEAD" {
            self.body.clear();
            self.answers_head = true;
        }
        self
    }
}

/// Shows only the length of the body, which may hold tokens.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One header of a response.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseHeader {
    name: Cow<'static, str>,
    value: String,
}

impl ResponseHeader {
    /// A header. The name is lower-cased.
    ///
    /// A character that a header cannot carry (control characters, non-ASCII) becomes `?` in the
    /// value and `-` in the name, so no value can end a header and start another.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        let (mut name, mut value) = (name.into(), value.into());
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || name.is_empty()
        {
            let fixed: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
                .collect();
            name = Cow::Owned(if fixed.is_empty() { "x-unnamed".to_owned() } else { fixed });
        }
        if !value.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
            value = value.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect();
        }
        Self { name, value }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value: visible ASCII and spaces.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Hides the value of `Set-Cookie`, which holds a token.
impl std::fmt::Debug for ResponseHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.name == "set-cookie" { "(redacted)" } else { &self.value };
        write!(f, "{}: {value}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_a_header() {
        let header = ResponseHeader::new("X-Test", "a\r\nset-cookie: evil=1\u{e9}");
        assert_eq!((header.name(), header.value()), ("x-test", "a??set-cookie: evil=1?"));
        assert_eq!(ResponseHeader::new("a b\n", "x").name(), "a-b-");
        assert_eq!(ResponseHeader::new("", "x").name(), "x-unnamed");
    }

    #[test]
    fn a_head_request_gets_no_body() {
        let reply = || Reply::new(401).body("text/plain", "x");
        assert_eq!(reply().for_method("GET").body_bytes(), b"x");
        let head = reply().for_method("HEAD");
        assert_eq!((head.body_bytes(), head.headers().len()), (&b""[..], 1));
        assert!(head.answers_head() && !reply().for_method("GET").answers_head());
    }

    #[test]
    fn cookies_do_not_show() {
        assert!(!format!("{:?}", ResponseHeader::new("set-cookie", "s=secret")).contains("secret"));
        assert_eq!(
            format!("{:?}", Reply::new(200).body("text/plain", "abc")),
            "Reply { status: 200, headers: [content-type: text/plain], body_bytes: 3, .. }"
        );
    }
}
