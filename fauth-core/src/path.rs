//! Request paths that everybody reads alike, and the refusal of all others.
//!
//! Frameworks, proxies and handlers disagree about `..`, `//`, `;` and encoded slashes; who decides by a path that another part of the
//! system reads differently guards the wrong door. fauth does not resolve such paths, it refuses them.

use std::borrow::Cow;

/// The path as it is compared: decoded once, without anything ambiguous. `None` for a path that is not canonical.
pub(crate) fn canonical(path: &str) -> Option<Cow<'_, str>> {
    if !path.starts_with('/') || !path.bytes().all(is_allowed_raw) || has_bad_segment(path) {
        return None;
    }
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let decoded = decode(path)?;
    if has_bad_segment(&decoded) { None } else { Some(Cow::Owned(decoded)) }
}

const fn is_allowed_raw(byte: u8) -> bool {
    !matches!(byte, b'\\' | b';' | 0..=0x1f | 0x7f)
}

/// An empty segment (except the last: `/admin/` is a path of its own), `.` or `..`.
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

fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let byte = hex(bytes.next()?)? << 4 | hex(bytes.next()?)?;
        if matches!(byte, b'/' | b'.' | b'%') || !is_allowed_raw(byte) {
            return None;
        }
        decoded.push(byte);
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

    #[test]
    fn ordinary_paths_are_themselves() {
        for path in
            ["/", "/admin", "/admin/", "/admin/x.json", "/a.b/..c", "/~user/a+b,c=d@e:f!$&'()*", "/...", "/ü"]
        {
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
            "/%ff",
            "/%c3",
            "/%c3/%a9",
        ] {
            assert_eq!(canonical(path), None, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_path_stays_canonical(path in "/[a-z%/.0-9;\\\\]{0,24}") {
            if let Some(once) = canonical(&path) {
                prop_assert!(!once.contains("//") && !once.contains(';') && !once.contains('\\') && !once.contains('%'));
                prop_assert_eq!(canonical(&once), Some(once.clone()));
            }
        }

        #[test]
        fn no_path_makes_it_panic(path in ".*") {
            let _ = canonical(&path);
        }
    }
}
