//! Redirect targets that stay on the application's own origin.
//!
//! An open redirect is a classic phishing tool: with `next=https://evil.example/` in a link to a
//! trusted sign-in page, users who sign in are sent to a page that asks for the password again.
//! [`LocalTarget`] is the type for values of a `Location` header: a path of this application, with
//! its query. Anything that could be read differently is refused, never repaired.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::{
    path::{self, Allowed, PathCharacter},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

/// A redirect target on the application's own origin: a path with query and fragment.
///
/// These are refused:
///
/// - anything that does not begin with exactly one `/`: `https://evil.example`, `//evil.example`,
///   `javascript:…`, `dashboard`;
/// - `\`, control characters, DEL, white space and non-ASCII characters: browsers read
///   `/\evil.example` and `/⇥/evil.example` as `//evil.example`;
/// - characters outside [RFC 3986], and `%` without two hex digits: clients repair them in
///   different ways;
/// - empty segments and dot segments, also if encoded once or more often or followed by parameters
///   (`%2e`, `%252e`, `..;x`): `/.//evil.example` is `//evil.example` after normalisation;
/// - encoded control characters and encoded `\` in the path, and bytes that are not UTF-8: decoding
///   turns them into one of the above;
/// - more than [`MAX_BYTES`](Self::MAX_BYTES) bytes, since headers are limited.
///
/// [RFC 3986]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
///
/// An accepted target is kept and emitted unchanged, byte for byte, so checking it again gives the
/// same result.
///
/// ```
/// use fauth_core::redirect::LocalTarget;
///
/// let next = LocalTarget::parse("/orders?page=2#last")?;
/// assert_eq!(next.as_str(), "/orders?page=2#last");
/// let elsewhere =
///     ["https://evil.example/", "//evil.example", "/\\evil.example", "/.//evil.example"];
/// for target in elsewhere {
///     assert!(LocalTarget::parse(target).is_err());
/// }
///
/// // On the way to the sign-in page, and back.
/// let sign_in = LocalTarget::parse("/signin")?.with_parameter("next", next.as_str()).unwrap();
/// assert_eq!(sign_in.as_str(), "/signin?next=%2Forders%3Fpage%3D2%23last");
/// assert_eq!(LocalTarget::from_query(sign_in.query(), "next"), Some(next));
/// # Ok::<(), fauth_core::redirect::UnsafeTarget>(())
/// ```
///
/// # Security
/// In HTML, quote and escape it like any other text: `&` and `'` are legal in it. It does not
/// restrict *which* page of the application it leads to, so pages must not act on GET.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalTarget(Cow<'static, str>);

/// Why a text is not a [`LocalTarget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeTarget {
    /// It does not begin with exactly one slash.
    #[error("a redirect target must start with exactly one `/`")]
    NoPath,
    /// It contains a character that is not allowed in a path, query or fragment.
    #[error("a redirect target contains a character that must be percent-encoded")]
    Character,
    /// A percent sign without two hexadecimal digits.
    #[error("a redirect target contains a percent sign that is not part of an escape")]
    Escape,
    /// It contains an empty segment, a dot segment, or something that may be read as one.
    #[error("the path of a redirect target is ambiguous")]
    AmbiguousPath,
    /// It is longer than [`LocalTarget::MAX_BYTES`].
    #[error("a redirect target is longer than 2048 bytes")]
    TooLong,
}

impl LocalTarget {
    /// The maximum length, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// The front page, `/`.
    #[must_use]
    pub const fn root() -> Self {
        Self(Cow::Borrowed("/"))
    }

    /// Parses an untrusted text.
    ///
    /// # Errors
    /// [`UnsafeTarget`]. For a `next` parameter, use the default target then instead of refusing
    /// the request: `LocalTarget::parse(next).unwrap_or_else(|_| home.clone())`.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, UnsafeTarget> {
        let text = text.as_ref();
        check(text)?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// The target in a query parameter, such as `next`. `None` if the parameter is absent, occurs
    /// more than once, or is unsafe.
    #[must_use]
    pub fn from_query(query: Option<&str>, name: &str) -> Option<Self> {
        let mut named = form_urlencoded::parse(query?.as_bytes()).filter(|(own, _)| own == name);
        let (_, value) = named.next()?;
        // Parsers that read the first and parsers that read the last would go to different places.
        if named.next().is_some() { None } else { Self::parse(value).ok() }
    }

    /// The path and query of a request, as a target to return to. `None` if they are too long or
    /// ambiguous.
    ///
    /// Characters that browsers send unencoded, such as the brackets of `?filter[x]=1`, are
    /// encoded.
    #[must_use]
    pub fn of_request(head: &dyn RequestHead) -> Option<Self> {
        let (path, query) = (head.path(), head.query());
        if path.len() + query.map_or(0, str::len) >= Self::MAX_BYTES {
            return None;
        }
        let mut target = String::with_capacity(path.len() + 1 + query.map_or(0, str::len));
        encode_illegal(path, &mut target);
        if let Some(query) = query {
            target.push('?');
            encode_illegal(query, &mut target);
        }
        Self::parse(target).ok()
    }

    /// This target with one more query parameter, percent-encoded. `None` if the result would be
    /// too long.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> Option<Self> {
        let (target, fragment) = match self.0.split_once('#') {
            Some((target, fragment)) => (target, Some(fragment)),
            None => (&*self.0, None),
        };
        if target.len() + name.len() + value.len() >= Self::MAX_BYTES {
            return None;
        }
        let mut text = target.to_owned();
        match target.split_once('?') {
            None => text.push('?'),
            Some((_, query)) if query.is_empty() || query.ends_with('&') => {}
            Some(_) => text.push('&'),
        }
        encode_component(name, &mut text);
        text.push('=');
        encode_component(value, &mut text);
        if let Some(fragment) = fragment {
            text.push('#');
            text.push_str(fragment);
        }
        Self::parse(text).ok()
    }

    /// The whole target.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path alone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }

    /// The query, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let target = self.0.split('#').next().unwrap_or_default();
        target.split_once('?').map(|(_, query)| query)
    }

    /// A redirect to this target: 303, so that the browser follows with GET and without a body,
    /// whatever the method was; never cached.
    #[must_use]
    pub fn see_other(&self) -> Reply {
        Reply::new(303)
            .header(ResponseHeader::new("location", self.as_str()))
            .header(ResponseHeader::new("cache-control", "no-store"))
    }
}

impl AsRef<str> for LocalTarget {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LocalTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LocalTarget {
    type Err = UnsafeTarget;

    fn from_str(text: &str) -> Result<Self, UnsafeTarget> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for LocalTarget {
    type Error = UnsafeTarget;

    fn try_from(text: &str) -> Result<Self, UnsafeTarget> {
        Self::parse(text)
    }
}

impl From<LocalTarget> for String {
    fn from(target: LocalTarget) -> Self {
        target.0.into_owned()
    }
}

fn check(text: &str) -> Result<(), UnsafeTarget> {
    if text.len() > LocalTarget::MAX_BYTES {
        return Err(UnsafeTarget::TooLong);
    }
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(UnsafeTarget::NoPath);
    }
    check_characters(text)?;
    let path = text.split(['?', '#']).next().unwrap_or_default();
    // Characters that others decode twice or treat as a separator are allowed in a name, but
    // refused where they hide a `..` or an empty segment.
    let allowed = [PathCharacter::EncodedSlash, PathCharacter::EncodedPercent, PathCharacter::Semicolon];
    match path::canonical(path, &Allowed::new(allowed)) {
        Some(_) => Ok(()),
        None => Err(UnsafeTarget::AmbiguousPath),
    }
}

fn check_characters(text: &str) -> Result<(), UnsafeTarget> {
    let mut in_fragment = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'%' if !is_escape(text, at) => return Err(UnsafeTarget::Escape),
            b'#' if in_fragment => return Err(UnsafeTarget::Character),
            b'#' => in_fragment = true,
            byte if is_legal(byte) => {}
            _ => return Err(UnsafeTarget::Character),
        }
    }
    Ok(())
}

/// Returns whether an escape starts here.
fn is_escape(text: &str, at: usize) -> bool {
    text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// `unreserved` of RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar`, `/`, `?` and the percent sign: the characters of a path, a query and a fragment.
const fn is_legal(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'?'
                | b'%'
        )
}

/// Legal characters and escapes stay as they are.
fn encode_illegal(text: &str, into: &mut String) {
    for (at, byte) in text.bytes().enumerate() {
        let stays = if byte == b'%' { is_escape(text, at) } else { is_legal(byte) };
        push(byte, stays, into);
    }
}

/// Encodes every reserved character.
fn encode_component(text: &str, into: &mut String) {
    for byte in text.bytes() {
        push(byte, is_unreserved(byte), into);
    }
}

fn push(byte: u8, stays: bool, into: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    if stays {
        into.push(char::from(byte));
        return;
    }
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    into.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
}
