//! Cookies and `Authorization`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{head::Head, lines};
use crate::{
    api_key::ApiKeyFormat,
    request::{HeaderValues, is_token_char},
    token::Purpose,
    transport::{
        BasicTransport, BearerKeyTransport, BearerTransport, CookieTransport, Extracted, SessionCookie,
        Transport, find_cookie,
    },
};

/// The result of a transport, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Fault(String),
    Token(Vec<u8>),
}

impl From<Extracted<'_>> for Found {
    fn from(extracted: Extracted<'_>) -> Self {
        match extracted {
            Extracted::Absent => Self::Nothing,
            Extracted::Malformed(fault) => Self::Fault(format!("{fault:?}")),
            Extracted::Token(token) => Self::Token(token.as_bytes().to_vec()),
        }
    }
}

const COOKIE: &str = "__Host-session";

/// Checks `Cookie` headers, one a line. HTTP/2 clients may split the header, so the result must not
/// depend on where it is split. All transports must find the same cookie.
pub(super) fn cookies(bytes: &[u8]) -> bool {
    let lines = lines(bytes);
    let find = |values: HeaderValues<'_>| Found::from(find_cookie(&values, COOKIE));
    let found = find(lines.iter().copied().collect());
    if let Found::Token(value) = &found {
        assert!(!value.is_empty() && !value.contains(&b';'));
        let named: Vec<u8> = [COOKIE.as_bytes(), b"=", value].concat();
        assert!(lines.iter().any(|line| line.windows(named.len()).any(|part| part == named)));
    }
    if lines.len() <= 64 && bytes.len() < 8192 {
        let joined = lines.join(&b"; "[..]);
        assert_eq!(find(std::iter::once(&*joined).collect()), found);
    }
    let head = Head { name: "cookie", values: lines, ..Head::default() };
    assert_eq!(Found::from(CookieTransport::new().extract(&head, Purpose::Access)), found);
    assert_eq!(Found::from(SessionCookie::new().extract(&head, Purpose::Session)), found);
    #[cfg(feature = "starlette-cookies")]
    starlette(&head);
    matches!(found, Found::Token(_))
}

#[cfg(feature = "starlette-cookies")]
fn starlette(head: &Head<'_>) {
    use std::time::Duration;

    use crate::{clock::Timestamp, starlette::StarletteCookies};

    let day = Duration::from_secs(24 * 60 * 60);
    let cookies = StarletteCookies::danger_new("a key of fuzz targets", day).unwrap();
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    if let Ok(Some(session)) = cookies.find(head, "session", now) {
        let later = Timestamp::from_unix_seconds(1_800_000_000 + 2 * 24 * 60 * 60);
        assert!(cookies.find(head, "session", later).is_err());
        let _ = StarletteCookies::caspian_payload(&session, now);
    }
}

/// Checks `Authorization` headers, one a line.
pub(super) fn authorization(bytes: &[u8]) -> bool {
    api_key(bytes);
    let lines = lines(bytes);
    let bearer = find(&BearerTransport::new(), &lines);
    let basic = find(&BasicTransport, &lines);
    let key = find(&BearerKeyTransport { lead: "fk_".into() }, &lines);
    assert!(!matches!((&bearer, &basic), (Found::Token(_), Found::Token(_))));
    let [line] = lines.as_slice() else {
        assert!(matches!((bearer, basic, key), (Found::Fault(_), Found::Fault(_), Found::Fault(_))));
        return false;
    };
    if let Found::Token(token) = &key {
        assert!(token.starts_with(b"fk_"));
        assert_eq!(key, bearer);
    }
    if let Found::Token(token) = &bearer {
        assert!(trimmed(line).ends_with(token));
        check_grammar(token);
    }
    assert_eq!(
        basic == Found::Token(basic_password(line).unwrap_or_default()),
        basic_password(line).is_some()
    );
    // White space around the value and the case of the scheme must not matter.
    let padded = [b" \t", *line, b"\t "].concat();
    let scheme = trimmed(line).iter().take_while(|byte| is_token_char(**byte)).count();
    let (start, rest) = trimmed(line).split_at(scheme);
    let louder = [&*start.to_ascii_uppercase(), rest].concat();
    for other in [&*padded, &*louder] {
        assert_eq!(find(&BearerTransport::new(), &[other]), bearer);
        assert_eq!(find(&BasicTransport, &[other]), basic);
    }
    [bearer, basic].iter().any(|found| matches!(found, Found::Token(_)))
}

/// Checks that an accepted API key is refused when any of its bytes is changed.
fn api_key(text: &[u8]) {
    let format = ApiKeyFormat::new(Some("fk")).unwrap();
    let key = text.strip_prefix(b"Bearer ").unwrap_or(text);
    if format.parse(key).is_some() {
        assert!(format.names(key) && key.is_ascii());
        for at in 0..key.len() {
            let mut other = key.to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(format.parse(&other).is_none(), "{at}");
        }
    }
}

fn find(transport: &dyn Transport, lines: &[&[u8]]) -> Found {
    let head = Head { name: "authorization", values: lines.to_vec(), ..Head::default() };
    assert_eq!(Found::from(transport.extract(&head, Purpose::Refresh)), Found::Nothing);
    Found::from(transport.extract(&head, Purpose::Access))
}

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

/// Checks the grammar against a second implementation of `b64token` (RFC 6750).
fn check_grammar(token: &[u8]) {
    let body =
        token.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte)).count();
    let expected = body > 0 && token[body..].iter().all(|byte| *byte == b'=');
    let Extracted::Token(unverified) = Extracted::token(token) else {
        unreachable!("it was made of a token")
    };
    assert_eq!(unverified.check_grammar().is_ok(), expected);
}

/// Returns the password of the user `__token__`: a second implementation.
fn basic_password(line: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = trimmed(line).split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"basic") || !rest.starts_with(b" ") || rest.len() > 8192 {
        return None;
    }
    let text: Vec<u8> = rest.iter().copied().skip_while(|byte| *byte == b' ').collect();
    let decoded = STANDARD.decode(text).ok()?;
    let password = decoded.strip_prefix(b"__token__:")?;
    std::str::from_utf8(password).ok().map(|password| password.as_bytes().to_vec())
}
