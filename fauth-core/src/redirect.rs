//! Redirect targets that stay on the application's own origin.
//!
//! `next=https://evil.example/` behind a link to the sign-in page of a trusted site is the oldest
//! trick there is: whoever signs in is sent on to a page that asks for the password once more.
//! [`LocalTarget`] is the type of what may stand in a `Location` header: a path of this
//! application, with its query. What could be read as anything else is refused, never repaired.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::{
    path::{self, Allowed, PathCharacter},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

/// Where a browser may be sent: a path of the application's own origin, with query and fragment.
///
/// These are refused:
///
/// - anything that does not begin with exactly one `/`: `https://evil.example`, `//evil.example`,
///   `javascript:…`, `dashboard`;
/// - `\`, controls, DEL, blanks, and whatever is not ASCII: browsers read `/\evil.example` and
///   `/⇥/evil.example` as `//evil.example`;
/// - characters outside of [RFC 3986], and `%` without two hex digits: everybody repairs them in
///   another way;
/// - empty segments and dot segments, also encoded, more than once or with parameters (`%2e`,
///   `%252e`, `..;x`): `/.//evil.example` is `//evil.example` once it is normalised;
/// - encoded controls and encoded `\` in the path, and bytes that are not UTF-8: they become what
///   is refused above as soon as somebody decodes them;
/// - more than [`MAX_BYTES`](Self::MAX_BYTES): headers have an end.
///
/// [RFC 3986]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
///
/// What passes is kept and emitted as it came, byte for byte, so that checking it again gives the
/// same.
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
/// In HTML it stands in quotes and is escaped like any other text: `&` and `'` are legal in it. It
/// says nothing about *which* page of the application it leads to: pages must not act on GET.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalTarget(Cow<'static, str>);

/// Why a text is no [`LocalTarget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeTarget {
    /// It does not begin with exactly one slash.
    #[error("a redirect target begins with exactly one `/`")]
    NoPath,
    /// A character that no path, query or fragment may hold.
    #[error("a redirect target holds a character that must be percent-encoded")]
    Character,
    /// A percent sign without two hexadecimal digits.
    #[error("a redirect target holds a percent sign that is no escape")]
    Escape,
    /// An empty segment, a dot segment, or what somebody may read as one.
    #[error("the path of a redirect target can be read in more than one way")]
    AmbiguousPath,
    /// More than [`LocalTarget::MAX_BYTES`].
    #[error("a redirect target is longer than 2048 bytes")]
    TooLong,
}

impl LocalTarget {
    /// Nothing longer is a target.
    pub const MAX_BYTES: usize = 2048;

    /// The front page, `/`.
    #[must_use]
    pub const fn root() -> Self {
        Self(Cow::Borrowed("/"))
    }

    /// Takes a text that anybody may have written.
    ///
    /// # Errors
    /// [`UnsafeTarget`]. For a `next` that is a reason to take the default target, not one to
    /// refuse the request: `LocalTarget::parse(next).unwrap_or_else(|_| home.clone())`.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, UnsafeTarget> {
        let text = text.as_ref();
        check(text)?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// The target that a parameter of a query names, such as `next`. `None` if there is none, more
    /// than one, or if it is unsafe.
    #[must_use]
    pub fn from_query(query: Option<&str>, name: &str) -> Option<Self> {
        let mut named = form_urlencoded::parse(query?.as_bytes()).filter(|(own, _)| own == name);
        let (_, value) = named.next()?;
        // Who reads the first and who reads the last would go to different places.
        if named.next().is_some() { None } else { Self::parse(value).ok() }
    }

    /// The path and query of a request, so that its sender can be brought back to it. `None` if
    /// they are too long or can be read in more than one way.
    ///
    /// What browsers send without encoding it, such as the brackets of `?filter[x]=1`, is encoded.
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

    /// This target with one more parameter in its query, percent-encoded. `None` if it would be too
    /// long then.
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

    /// A redirect there: 303, so that whatever the method was, the browser comes with GET and
    /// without a body; kept by no cache.
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
    // What others decode twice, or take for a separator, is looked through by it, and is refused
    // where it hides a way up or out. Elsewhere it is a part of a name.
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

/// Does an escape begin here?
fn is_escape(text: &str, at: usize) -> bool {
    text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// `unreserved` of RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar`, `/`, `?` and the percent sign: what a path, a query and a fragment may hold.
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

/// What is legal stays as it is, and so do escapes.
fn encode_illegal(text: &str, into: &mut String) {
    for (at, byte) in text.bytes().enumerate() {
        let stays = if byte == b'%' { is_escape(text, at) } else { is_legal(byte) };
        push(byte, stays, into);
    }
}

/// Whatever has a meaning somewhere is encoded.
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
