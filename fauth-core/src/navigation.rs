//! Distinguishes browser navigation from requests of scripts.
//!
//! A browser needs a page; a script needs a status and a body that it can parse.

use crate::request::{HeaderValues, RequestHead, opens_websocket};

/// The kind of a request, as far as its head reveals it.
///
/// | | |
/// |---|---|
/// | [`Page`](Self::Page) | GET or HEAD that prefers `text/html` |
/// | [`Form`](Self::Form) | the same with POST, and a body type of HTML forms |
/// | [`Call`](Self::Call) | everything else |
///
/// A request is a call, whatever `Accept` says, if it has an `Authorization` header, if
/// `Sec-Fetch-Mode` is not `navigate`, if `Sec-Fetch-Dest` is not a document or frame, if
/// `X-Requested-With` is `XMLHttpRequest`, if it comes from htmx (`HX-Request`) or Caspian
/// (`X-PP-RPC`), if its body is JSON, or if it opens a WebSocket. `*/*`, the default of many
/// programs, expresses no preference.
///
/// # Security
/// Programs can pretend to be browsers. Only the form of an answer may depend on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestKind {
    /// A browser that displays the answer.
    Page,
    /// A browser that submits a form and displays the answer.
    Form,
    /// A script or another program.
    Call,
}

impl RequestKind {
    /// Determines the kind of this request.
    #[must_use]
    pub fn of(head: &dyn RequestHead) -> Self {
        let kind = match head.method() {
            "GET" | "HEAD" => Self::Page,
            "POST" => Self::Form,
            _ => return Self::Call,
        };
        if is_said_to_be_a_call(head) || !prefers_html(&head.header("accept")) {
            return Self::Call;
        }
        kind
    }

    /// Returns whether a browser displays the answer.
    #[must_use]
    pub const fn is_navigation(self) -> bool {
        matches!(self, Self::Page | Self::Form)
    }
}

fn is_said_to_be_a_call(head: &dyn RequestHead) -> bool {
    !head.header("authorization").is_empty()
        || !is_absent_or(&head.header("sec-fetch-mode"), &["navigate"])
        || !is_absent_or(&head.header("sec-fetch-dest"), &DOCUMENTS)
        // Web views of Android send the name of their application in it.
        || has_any(&head.header("x-requested-with"), "xmlhttprequest")
        || has_any(&head.header("hx-request"), "true")
        || has_any(&head.header("x-pp-rpc"), "true")
        || head.header("content-type").iter().any(is_json)
        || opens_websocket(head)
}

/// Destinations that display pages.
const DOCUMENTS: [&str; 5] = ["document", "iframe", "frame", "embed", "object"];

fn is_absent_or(values: &HeaderValues<'_>, wanted: &[&str]) -> bool {
    values.is_empty()
        || values.single().is_some_and(|value| wanted.iter().any(|wanted| wanted.as_bytes() == value))
}

fn has_any(values: &HeaderValues<'_>, wanted: &str) -> bool {
    values.iter().any(|value| value.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence == b"application/json" || essence.ends_with(b"+json")
}

/// Longer headers are ignored.
const MAX_ACCEPT_BYTES: usize = 4096;

/// Returns whether `text/html` is accepted and preferred to JSON. At equal weight an explicit type
/// takes precedence over a wildcard.
fn prefers_html(accept: &HeaderValues<'_>) -> bool {
    if accept.iter().map(<[u8]>::len).sum::<usize>() > MAX_ACCEPT_BYTES {
        return false;
    }
    let (mut html, mut json) = (Wanted::default(), Wanted::default());
    for range in accept.iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        let Some((media, weight)) = parse_range(range) else { continue };
        match &*media {
            b"text/html" | b"application/xhtml+xml" => html.add(3, weight),
            b"text/*" => html.add(2, weight),
            b"*/*" => {
                html.add(1, weight);
                json.add(1, weight);
            }
            b"application/*" => json.add(2, weight),
            media if is_json(media) => json.add(3, weight),
            _ => {}
        }
    }
    html.precision > 1 && html.weight > 0 && (html.weight, html.precision) > (json.weight, json.precision)
}

/// How much a type is wanted: the weight of the most specific range that matches it.
#[derive(Default)]
struct Wanted {
    precision: u8,
    weight: u16,
}

impl Wanted {
    const fn add(&mut self, precision: u8, weight: u16) {
        if precision > self.precision || (precision == self.precision && weight > self.weight) {
            self.precision = precision;
            self.weight = weight;
        }
    }
}

/// A media range in lower case and its weight in thousandths ([RFC 9110 section
/// 12.4.2](https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2)). Malformed ranges are skipped.
fn parse_range(range: &[u8]) -> Option<(Vec<u8>, u16)> {
    let mut parts = range.split(|byte| *byte == b';');
    let media = parts.next()?.trim_ascii().to_ascii_lowercase();
    let mut weight = 1000;
    for parameter in parts {
        let parameter = parameter.trim_ascii().to_ascii_lowercase();
        if let Some(value) = parameter.strip_prefix(b"q=") {
            weight = thousandths(value)?;
        }
    }
    Some((media, weight))
}

fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [whole] => (whole, &[][..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            (whole, digits)
        }
        _ => return None,
    };
    let fraction =
        [100, 10, 1].iter().zip(digits).map(|(place, digit)| place * u16::from(digit - b'0')).sum::<u16>();
    match (whole, fraction) {
        (b'0', fraction) => Some(fraction),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    struct Head<'a>(&'a str, Vec<(&'a str, &'a str)>);

    impl RequestHead for Head<'_> {
        fn method(&self) -> &str {
            self.0
        }
        fn path(&self) -> &'static str {
            "/"
        }
        fn query(&self) -> Option<&str> {
            None
        }
        fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
            self.1.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_bytes()).collect()
        }
        fn peer(&self) -> Option<SocketAddr> {
            None
        }
        fn is_secure(&self) -> bool {
            false
        }
    }

    fn accepting(accept: &str) -> RequestKind {
        RequestKind::of(&Head("GET", vec![("accept", accept)]))
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn browsers_want_pages() {
        for accept in [
            BROWSER,
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7",
            "text/html, application/xhtml+xml, image/jxr, */*",
            "text/html",
            "TEXT/HTML",
            " text/html ; charset=utf-8 ",
            "text/*",
            "application/json;q=0.5, text/html;q=0.6",
            "application/xhtml+xml",
            "text/html;q=0.001",
            "*/*, text/html",
            "application/*, text/html",
            "text/html;q=1.000, application/json;q=0.999",
        ] {
            assert_eq!(accepting(accept), RequestKind::Page, "{accept}");
        }
    }

    #[test]
    fn programs_want_data() {
        for accept in [
            "*/*",
            "",
            "application/json",
            "application/json, text/plain, */*",
            "application/json, text/html",
            "text/html, application/problem+json",
            "text/html;q=0.5, application/json",
            "text/html;q=0.5, */*",
            "text/html;q=0",
            "text/html;q=0, */*;q=0",
            "text/html;q=2",
            "text/html;q=x",
            "text/html;q=0.1234",
            "text/html;q=1.1",
            "text/htmlx",
            "image/avif,image/webp,*/*;q=0.8",
            "text/css,*/*;q=0.1",
        ] {
            assert_eq!(accepting(accept), RequestKind::Call, "{accept}");
        }
        let none = Head("GET", vec![]);
        assert_eq!(RequestKind::of(&none), RequestKind::Call);
        let endless = format!("text/html{}", ", x/y".repeat(1000));
        assert_eq!(accepting(&endless), RequestKind::Call);
    }

    #[test]
    fn several_headers_are_one_list() {
        let both = |first, second| RequestKind::of(&Head("GET", vec![("accept", first), ("accept", second)]));
        assert_eq!(both("text/html", "application/json;q=0.9"), RequestKind::Page);
        assert_eq!(both("text/html", "application/json"), RequestKind::Call);
    }

    #[test]
    fn the_method_tells_pages_from_forms() {
        for (method, kind) in [
            ("GET", RequestKind::Page),
            ("HEAD", RequestKind::Page),
            ("POST", RequestKind::Form),
            ("PUT", RequestKind::Call),
            ("DELETE", RequestKind::Call),
            ("OPTIONS", RequestKind::Call),
            ("get", RequestKind::Call),
        ] {
            assert_eq!(RequestKind::of(&Head(method, vec![("accept", BROWSER)])), kind, "{method}");
            assert_eq!(kind.is_navigation(), kind != RequestKind::Call);
        }
    }

    #[test]
    fn a_script_says_that_it_is_one() {
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("authorization", ""),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-mode", "same-origin"),
            ("sec-fetch-mode", "websocket"),
            ("sec-fetch-mode", "Navigate"),
            ("sec-fetch-mode", ""),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "script"),
            ("x-requested-with", "XMLHttpRequest"),
            ("x-requested-with", "xmlhttprequest"),
            ("hx-request", "true"),
            ("x-pp-rpc", "true"),
            ("content-type", "application/json"),
            ("content-type", "Application/JSON; charset=utf-8"),
            ("content-type", "application/vnd.api+json"),
            ("upgrade", "websocket"),
        ] {
            for method in ["GET", "POST"] {
                let head = Head(method, vec![("accept", BROWSER), (name, value)]);
                assert_eq!(RequestKind::of(&head), RequestKind::Call, "{method} {name}: {value}");
            }
        }
        let twice = vec![("accept", BROWSER), ("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate")];
        assert_eq!(RequestKind::of(&Head("GET", twice)), RequestKind::Call);
    }

    #[test]
    fn what_browsers_say_of_pages_keeps_them_pages() {
        for (name, value) in [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-site", "cross-site"),
            ("x-requested-with", "com.example.app"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("hx-request", "false"),
            ("upgrade", "h2c"),
        ] {
            let head = Head("GET", vec![("accept", BROWSER), (name, value)]);
            assert_eq!(RequestKind::of(&head), RequestKind::Page, "{name}: {value}");
        }
    }
}
