//! Escaping of untrusted text for HTML and log records; log records also omit passwords and
//! payloads.

use std::{borrow::Cow, fmt};

/// Escapes text for HTML, between tags or in a quoted attribute: `&`, `<`, `>`, `"` and `'`.
///
/// Use it for pages built without a template engine; template engines escape by themselves.
///
/// ```
/// use fauth_core::escape::html;
///
/// let name = "\"Bob\" <script>alert('&')</script>";
/// assert_eq!(
///     format!("<p title=\"{}\">", html(name)),
///     "<p title=\"&quot;Bob&quot; &lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\">"
/// );
/// ```
///
/// # Security
/// It does not make text safe in unquoted attributes, scripts, styles or URLs: `javascript:`
/// passes. For links use [`LocalTarget`](crate::redirect::LocalTarget).
#[must_use]
pub fn html(text: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 5] = ['&', '<', '>', '"', '\''];
    if !text.contains(SPECIAL) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// Untrusted text in a log record: control characters and direction marks escaped, cut at 256
/// bytes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 256;
        let mut written = 0;
        for c in self.0.chars() {
            written += c.len_utf8();
            if written > LONGEST {
                return f.write_str("…");
            }
            let turns_text_around = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns_text_around {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Shows only the length of a payload.
pub(crate) struct Concealed<'a>(pub(crate) &'a str);

impl fmt::Debug for Concealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The replacement of a password.
const HIDDEN: &str = "***";

/// The text without passwords: neither those of URLs (`scheme://user:password@host`) nor the values
/// of `password=` and similar keys. In doubt, more is hidden.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let without = hide_in_urls(text);
    match hide_values(&without) {
        None => without,
        Some(hidden) => hidden.into(),
    }
}

fn hide_in_urls(text: &str) -> Cow<'_, str> {
    const MARK: &str = "://";
    let mut pieces = text.split(MARK);
    let Some(first) = pieces.next().filter(|first| first.len() < text.len()) else { return text.into() };
    let mut result = first.to_owned();
    for piece in pieces {
        result.push_str(MARK);
        match password_of_authority(piece) {
            Some((before, after)) => result.extend([before, HIDDEN, after]),
            None => result.push_str(piece),
        }
    }
    result.into()
}

/// The text before and after a password. The password may hold any character, even those not
/// allowed in a URL, so it lasts until the last `@` of the line.
fn password_of_authority(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find('\n').unwrap_or(rest.len());
    let (user_info, after) = rest.split_at_checked(rest.get(..end)?.rfind('@')?)?;
    // Without a colon there is no password, but a token may be in the place of the user.
    let from = user_info.find(':').map_or(0, |colon| colon + 1);
    Some((user_info.get(..from)?, after))
}

/// Names whose values are passwords; a name comes before its own prefixes.
const NAMES: [&str; 4] = ["password", "passwd", "pass", "pwd"];

/// The text without the values of `password = …`; `None` if it has none.
fn hide_values(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut result = String::new();
    let mut done = 0;
    while let Some((name_ends, value)) = next_value(&lower, done) {
        let length = length_of_value(text.get(value..)?);
        // A name without a value may be one of two words that end alike.
        result.push_str(text.get(done..value)?);
        if length > 0 {
            result.push_str(HIDDEN);
        }
        done = (value + length).max(name_ends);
    }
    (done > 0).then(|| result + text.get(done..).unwrap_or_default())
}

/// The end of the next password's name, and the start of its value.
fn next_value(lower: &str, from: usize) -> Option<(usize, usize)> {
    let rest = lower.get(from..)?;
    let candidates = NAMES.iter().flat_map(|name| {
        rest.match_indices(name).filter_map(|(at, name)| {
            let after = rest.get(at + name.len()..)?;
            let equals = after.trim_start_matches(' ').strip_prefix('=')?.trim_start_matches(' ');
            Some((from + at + name.len(), lower.len() - equals.len()))
        })
    });
    candidates.min()
}

/// Up to the matching quotation mark if it starts with one, otherwise up to the end of the word.
fn length_of_value(rest: &str) -> usize {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '&');
    match quote {
        Some(quote) => rest.get(1..).and_then(|inner| inner.find(quote)).map_or(rest.len(), |end| end + 2),
        None => rest.find(ends).unwrap_or(rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_left_out() {
        for (text, expected) in [
            ("connection refused (os error 111)", "connection refused (os error 111)"),
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("redis://me:secret@host/0 is gone", "redis://me:***@host/0 is gone"),
            ("redis://:secret@host", "redis://:***@host"),
            ("rediss://token@host", "rediss://***@host"),
            ("postgres://me:a/b@c:d@host/x", "postgres://me:***@host/x"),
            ("`a://b:c@d` and `e://f:g@h`", "`a://b:***@d` and `e://f:***@h`"),
            ("redis://me:it's a `<b>` one@host", "redis://me:***@host"),
            ("a://b:c@d\nmail e@f", "a://b:***@d\nmail e@f"),
            ("password='a secret' host=db", "password=*** host=db"),
            ("password=\"a secret", "password=***"),
            ("Password = secret; PWD=x passwd=y", "Password = *** PWD=*** passwd=***"),
            ("sslpassword=secret&x=1", "sslpassword=***&x=1"),
            ("password=", "password="),
            ("the password is wrong", "the password is wrong"),
            ("pass ä = b, password=ä", "pass ä = b, password=***"),
            (
                "postgres://host/app?user=me&password=secret&x=1",
                "postgres://host/app?user=me&password=***&x=1",
            ),
            ("host=db password=secret port=1", "host=db password=*** port=1"),
            ("a://b:c@d password=ä", "a://b:***@d password=***"),
            ("://", "://"),
            ("://@", "://***@"),
            ("mail to a@b", "mail to a@b"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn nothing_in_html_is_read_as_a_tag_or_ends_an_attribute() {
        for (text, expected) in [
            ("", ""),
            ("alice", "alice"),
            ("größer", "größer"),
            ("<b>", "&lt;b&gt;"),
            ("\"'", "&quot;&#39;"),
            ("&lt;", "&amp;lt;"),
            ("a&b", "a&amp;b"),
        ] {
            assert_eq!(html(text), expected);
        }
    }

    #[test]
    fn outside_text_is_escaped_and_cut() {
        assert_eq!(Escaped("a\nb\u{202e}c\u{85}ü").to_string(), "a\\u{a}b\\u{202e}c\\u{85}ü");
        assert_eq!(Escaped(&"x".repeat(256)).to_string().len(), 256);
        assert_eq!(Escaped(&"x".repeat(257)).to_string(), format!("{}…", "x".repeat(256)));
    }
}
