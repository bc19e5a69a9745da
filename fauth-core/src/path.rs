//! Canonical request paths. All others are refused.
//!
//! Frameworks, proxies and handlers disagree about `..`, `//`, `;` and encoded slashes. A guard
//! that reads a path differently from the code behind it protects the wrong resource. fauth does
//! not resolve such paths but refuses them.

use std::borrow::Cow;

/// A character that is refused in guarded paths unless it is explicitly allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathCharacter {
    /// `%2F`: one segment to handlers, two to many proxies and file systems.
    EncodedSlash,
    /// `%25`: decoding twice gives something else.
    EncodedPercent,
    /// `\\` and `%5C`: a separator to some systems.
    Backslash,
    /// `;` and `%3B`: the start of path parameters to some systems.
    Semicolon,
}

impl PathCharacter {
    const fn byte(self) -> u8 {
        match self {
            Self::EncodedSlash => b'/',
            Self::EncodedPercent => b'%',
            Self::Backslash => b'\\',
            Self::Semicolon => b';',
        }
    }
}

/// The ambiguous characters that an application allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowed(Vec<u8>);

impl Allowed {
    pub(crate) fn new(characters: impl IntoIterator<Item = PathCharacter>) -> Self {
        Self(characters.into_iter().map(PathCharacter::byte).collect())
    }

    fn has(&self, byte: u8) -> bool {
        self.0.contains(&byte)
    }
}

/// The path as it is compared: decoded once, and unambiguous. `None` if the path is not canonical.
///
/// Allowed characters stay encoded. An encoded dot is a dot: `/report%2Epdf` is `/report.pdf`, and
/// `/%2e%2e/x` goes up like `/../x`.
pub(crate) fn canonical<'a>(path: &'a str, allowed: &Allowed) -> Option<Cow<'a, str>> {
    if !path.starts_with('/') {
        return None;
    }
    if is_plain(path) {
        return Some(Cow::Borrowed(path));
    }
    let is_fine = |byte| is_unambiguous(byte) || (byte != b'/' && byte != b'%' && allowed.has(byte));
    if !path.bytes().all(is_fine) || has_bad_segment(path) {
        return None;
    }
    let decoded = decode(path, |byte| allowed.has(byte))?;
    let is_bad = if decoded.contains(['%', '\\', ';']) {
        has_bad_segment(&without_parameters(&as_others_read(&decoded)?))
    } else {
        has_bad_segment(&decoded)
    };
    (!is_bad).then_some(Cow::Owned(decoded))
}

/// The forms of a canonical path that routers compare: some decode all of it, some nothing, and
/// some everything but `%2B`. Empty if they differ only in characters that must be encoded.
pub(crate) fn other_readings(path: &str, allowed: &Allowed) -> impl Iterator<Item = String> {
    let keeps: [fn(u8) -> bool; 2] = [needs_no_escape, |byte| byte == b'+'];
    let kept = keeps.into_iter().filter(|keeps| escapes(path).any(keeps));
    kept.filter_map(|keeps| decode(path, |byte| keeps(byte) || allowed.has(byte)))
}

/// Characters that a path may hold unencoded ([RFC 3986, section
/// 3.3](https://www.rfc-editor.org/rfc/rfc3986#section-3.3)).
const fn needs_no_escape(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'..=b',' | b':' | b'=' | b'@')
}

/// The escaped bytes of a path.
fn escapes(path: &str) -> impl Iterator<Item = u8> {
    let parts = path.split('%').skip(1).map(str::as_bytes);
    parts.filter_map(|part| match part {
        [high, low, ..] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    })
}

/// Returns whether `routed` is what is left of a path after routers stripped a prefix, if any.
pub(crate) fn is_rest(routed: &str, path: &str) -> bool {
    // Inside a mount, the path of the mount itself becomes `/`.
    routed == "/" || path.strip_suffix(routed).is_some_and(|_| routed.starts_with('/'))
}

/// Returns whether there is nothing to decode and no segment starts like a bad one. This holds for
/// most paths, and one pass over their bytes decides it.
fn is_plain(path: &str) -> bool {
    let mut after_slash = false;
    path.bytes().all(|byte| {
        let kind = KINDS.get(usize::from(byte)).unwrap_or(&Kind::Odd);
        let is_plain = match kind {
            Kind::Plain => true,
            Kind::Odd => false,
            Kind::Slash | Kind::Dot => !after_slash,
        };
        after_slash = matches!(kind, Kind::Slash);
        is_plain
    })
}

/// The meaning of a byte to [`is_plain`].
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Slash,
    Dot,
    /// To be decoded, or ambiguous.
    Odd,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Odd; 256];
    let (mut rest, mut byte): (&mut [Kind], u8) = (&mut kinds, 0);
    while let Some((kind, others)) = rest.split_first_mut() {
        *kind = match byte {
            b'/' => Kind::Slash,
            b'.' => Kind::Dot,
            b'%' => Kind::Odd,
            _ if is_unambiguous(byte) => Kind::Plain,
            _ => Kind::Odd,
        };
        rest = others;
        byte = byte.wrapping_add(1);
    }
    kinds
};

/// The path as systems behind us may see it if they decode what we leave encoded, once more or more
/// often, and treat every separator as one: neither `..%2Fx` nor `%252e%252e/x` must become a way
/// up. `None` if it is encoded more often than there is any reason for.
fn as_others_read(path: &str) -> Option<String> {
    let mut read = path.to_owned();
    for _ in 0..MAX_ENCODINGS {
        let decoded = decode_again(&read);
        if decoded == read {
            return Some(decoded.replace('\\', "/"));
        }
        read = decoded;
    }
    None
}

/// How often a path is decoded to see what it hides. Each time costs a pass over the whole path.
const MAX_ENCODINGS: usize = 8;

/// The path with each escape decoded once, whatever it stands for. The digits of an escape may be
/// escaped too.
fn decode_again(path: &str) -> String {
    let (mut read, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = match rest {
            [b'%', high, low, tail @ ..] => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, tail))
            }
            _ => None,
        };
        let (byte, left) = escape.unwrap_or((byte, tail));
        read.push(byte);
        rest = left;
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The path as systems may see it that treat the rest of a segment after a semicolon as parameters:
/// `..;x` is a way up then.
fn without_parameters(path: &str) -> String {
    let bare = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    bare.collect::<Vec<_>>().join("/")
}

const fn is_unambiguous(byte: u8) -> bool {
    !matches!(byte, b'\\' | b';' | 0..=0x1f | 0x7f)
}

/// Returns whether a segment is empty (except the last: `/admin/` is a path of its own), `.` or
/// `..`.
fn has_bad_segment(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !is_last) {
            return true;
        }
    }
    false
}

/// Decodes the path once; what is `kept` stays encoded.
fn decode(path: &str, kept: impl Fn(u8) -> bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (high, low) = (bytes.next()?, bytes.next()?);
        let byte = hex(high)? << 4 | hex(low)?;
        match byte {
            _ if kept(byte) => decoded.extend([b'%', high, low]),
            b'/' | b'%' => return None,
            // An encoded dot is a dot; its segment is checked after decoding.
            _ if is_unambiguous(byte) => decoded.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(path: &str) -> Option<Cow<'_, str>> {
        super::canonical(path, &Allowed::default())
    }

    #[test]
    fn ordinary_paths_are_themselves() {
        for path in [
            "/",
            "/admin",
            "/admin/",
            "/admin/x.json",
            "/a.b/..c",
            "/.well-known/acme/",
            "/~user/a+b,c=d@e:f!$&'()*",
            "/...",
            "/ü",
        ] {
            assert_eq!(canonical(path).as_deref(), Some(path));
        }
    }

    #[test]
    fn harmless_encodings_are_decoded_once() {
        assert_eq!(canonical("/%61dmin/x").as_deref(), Some("/admin/x"));
        assert_eq!(canonical("/caf%C3%A9%20au%20lait").as_deref(), Some("/café au lait"));
        assert_eq!(canonical("/a%2Bb").as_deref(), Some("/a+b"));
    }

    #[test]
    fn other_readings_keep_what_some_routers_do_not_decode() {
        let read = |path| other_readings(path, &Allowed::default()).collect::<Vec<_>>();
        assert_eq!(read("/%61dmin/x"), ["/%61dmin/x"]);
        assert_eq!(read("/%61/caf%C3%A9%20x/%2b"), ["/%61/café x/%2b", "/a/café x/%2b"]);
        assert_eq!(read("/a%2Bb"), ["/a%2Bb", "/a%2Bb"]);
        for path in ["/a", "/caf%C3%A9", "/a%20b", "/a%3Cb", "/%", "/%4"] {
            assert_eq!(read(path), [""; 0], "{path}");
        }
    }

    #[test]
    fn what_a_mount_strips_is_a_prefix() {
        for (routed, path) in [("/a/b", "/a/b"), ("/b", "/a/b"), ("/", "/a/b"), ("/", "/"), ("/b/", "/a/b/")]
        {
            assert!(is_rest(routed, path), "{routed} of {path}");
        }
        for (routed, path) in [("/c", "/a/b"), ("/a", "/a/b"), ("/x/a/b", "/a/b"), ("b", "/a/b"), ("", "/a")]
        {
            assert!(!is_rest(routed, path), "{routed} of {path}");
        }
    }

    #[test]
    fn an_encoded_dot_inside_a_segment_is_a_dot() {
        for (path, decoded) in [
            ("/report%2Epdf", "/report.pdf"),
            ("/report%2epdf", "/report.pdf"),
            ("/a%2Eb/c", "/a.b/c"),
            ("/%2Ewell-known/x", "/.well-known/x"),
            ("/x%2e", "/x."),
            ("/x%2E%2e/y", "/x../y"),
            ("/%2e%2e%2e", "/..."),
            ("/.%2E./", "/.../"),
        ] {
            assert_eq!(canonical(path).as_deref(), Some(decoded), "{path}");
        }
    }

    #[test]
    fn a_dot_segment_is_refused_however_its_dots_are_written() {
        for dot in [".", "%2e", "%2E"] {
            for other in ["", ".", "%2e", "%2E"] {
                for path in ["/{}", "/{}/x", "/a/{}", "/a/{}/", "/a/{}/b"] {
                    let path = path.replace("{}", &format!("{dot}{other}"));
                    assert_eq!(canonical(&path), None, "{path}");
                    let all = Allowed::new([
                        PathCharacter::EncodedSlash,
                        PathCharacter::EncodedPercent,
                        PathCharacter::Backslash,
                        PathCharacter::Semicolon,
                    ]);
                    assert_eq!(super::canonical(&path, &all), None, "{path}");
                    for separator in ["%2f", "%2F", "%5c", "%5C", "\\"] {
                        let path = path.replacen('/', separator, 2).replacen(separator, "/", 1);
                        assert_eq!(super::canonical(&path, &all), None, "{path}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_way_up_is_refused_even_where_its_characters_are_allowed() {
        let all = Allowed::new([
            PathCharacter::EncodedSlash,
            PathCharacter::EncodedPercent,
            PathCharacter::Backslash,
            PathCharacter::Semicolon,
        ]);
        for path in [
            "/a/..;/b",
            "/..;",
            "/a/..;x=1/b",
            "/a/.;/b",
            "/a/..%3b/b",
            "/a/%2e%2e;/b",
            "/a/%252e%252e/b",
            "/a/%252E./b",
            "/a/%25252e%25252e/b",
            "/a/..%252f..%252fb",
            "/a/..%255cb",
            "/a/%252e%252e%253b/b",
            "/a/;/b",
            "/a%252f%252fb",
            "/a/%2525252525252525252525x",
            // The digits of an escape are escaped too.
            "/a/%2525%2532%2565%2525%2532%2565/b",
            "/a/%252%2565%252%2565/b",
            "/a/%2525%2532%2566b",
        ] {
            assert_eq!(super::canonical(path, &all), None, "{path}");
        }
        for path in ["/a;x=1/b", "/a/b;..", "/a/x..;y/b", "/100%25", "/a/%252ex", "/a/b%252Fc", "/a/b;"] {
            assert_eq!(super::canonical(path, &all).as_deref(), Some(path), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "",
            "*",
            "admin",
            "//",
            "//admin",
            "/admin//x",
            "/.",
            "/..",
            "/admin/./x",
            "/admin/../x",
            "/admin/..",
            "/a\\b",
            "/admin;x=1",
            "/a\0",
            "/a\r\n",
            "/a\u{7f}",
            "/%2e%2e/x",
            "/admin/x/%2e%2e",
            "/admin/%2E",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%3bb",
            "/a%00",
            "/a%0d%0a",
            "/a%7f",
            "/%2561dmin",
            "/%",
            "/%4",
            "/%zz",
            "/%4g",
            "/%4G",
            "/%g4",
            "/%ff",
            "/%c3",
            "/%c3/%a9",
        ] {
            assert_eq!(canonical(path), None, "{path:?}");
        }
    }

    #[test]
    fn what_is_allowed_by_name_stays_as_it_is() {
        use PathCharacter::{Backslash, EncodedPercent, EncodedSlash, Semicolon};
        let all = Allowed::new([EncodedSlash, EncodedPercent, Backslash, Semicolon]);
        for path in ["/a%2Fb", "/a%2fb", "/100%25", "/a\\b", "/a%5cb", "/a;v=1", "/a%3Bb"] {
            assert_eq!(super::canonical(path, &all).as_deref(), Some(path));
            assert_eq!(canonical(path), None, "{path}");
        }
        for path in [
            "/..%2Fx",
            "/x%2f..",
            "/x%2F.%2fy",
            "/x%2F%2Fy",
            "/..%5Cx",
            "/%2e",
            "/%2e%2e/x",
            "/..",
            "//",
            "/a//b",
            "/%00",
            "/a%0d",
            "/%ff",
            "/%",
            "/a%2",
        ] {
            assert_eq!(super::canonical(path, &all), None, "{path}");
        }
        let slash = Allowed::new([EncodedSlash]);
        assert!(super::canonical("/a%2Fb", &slash).is_some());
        assert_eq!(super::canonical("/a;b", &slash), None);
    }

    proptest! {
        #[test]
        fn a_canonical_path_stays_canonical(path in "/[a-z%/.0-9;\\\\]{0,24}") {
            if let Some(once) = canonical(&path) {
                prop_assert!(!once.contains("//") && !once.contains(';') && !once.contains('\\') && !once.contains('%'));
                prop_assert_eq!(canonical(&once), Some(once.clone()));
            }
        }

        /// Which of its dots are encoded changes neither whether a path is refused nor what it is.
        #[test]
        fn an_encoded_dot_is_read_like_a_dot(
            path in "/[a.%/]{0,4}[a./]{0,12}",
            encoded in prop::collection::vec(prop::sample::select(vec![".", "%2e", "%2E"]), 16),
        ) {
            let path = path.replace('%', "%61");
            let mut spellings = encoded.into_iter();
            let spelt: String = path
                .chars()
                .map(|c| if c == '.' { spellings.next().unwrap_or(".").to_owned() } else { c.to_string() })
                .collect();
            let expected = canonical(&path).map(Cow::into_owned);
            let segments: Vec<_> = path.split('/').skip(1).collect();
            let is_bad = |(index, segment): (usize, &&str)| {
                matches!(*segment, "." | "..") || (segment.is_empty() && index + 1 < segments.len())
            };
            prop_assert_eq!(expected.is_none(), segments.iter().enumerate().any(is_bad), "{}", path);
            prop_assert_eq!(canonical(&spelt).map(Cow::into_owned), expected, "{}", spelt);
        }

        #[test]
        fn no_path_makes_it_panic(path in ".*") {
            let _ = canonical(&path);
        }
    }
}
