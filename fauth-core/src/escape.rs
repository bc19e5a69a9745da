//! Text made fit for a log record: outside text escaped, passwords left out.

use std::{borrow::Cow, fmt};

/// Outside text in a log record: controls and direction marks escaped, cut at 256 bytes.
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

/// What stands in the place of a password.
const HIDDEN: &str = "***";

/// The text without passwords: neither those of URLs (`scheme://user:password@host`) nor the
/// values of `password=`.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let without = hide(text, "://", password_of_authority);
    match hide(&without, "password=", |rest| Some((0, end_of_value(rest)))) {
        Cow::Borrowed(_) => without,
        Cow::Owned(without) => Cow::Owned(without),
    }
}

/// Hides a part of what follows each `mark`. `part` says which: from where, and how long.
fn hide<'a>(text: &'a str, mark: &str, part: fn(&str) -> Option<(usize, usize)>) -> Cow<'a, str> {
    let mut pieces = text.split(mark);
    let Some(first) = pieces.next().filter(|first| first.len() < text.len()) else { return text.into() };
    let mut result = first.to_owned();
    for piece in pieces {
        result.push_str(mark);
        let hidden = part(piece)
            .and_then(|(from, length)| Some((piece.get(..from)?, piece.get(from..)?.get(length..)?)));
        match hidden {
            Some((before, after)) => result.extend([before, HIDDEN, after]),
            None => result.push_str(piece),
        }
    }
    result.into()
}

/// A password may hold any character that a URL should not have, so it lasts until the last `@`
/// before a blank or a quotation mark.
fn password_of_authority(rest: &str) -> Option<(usize, usize)> {
    let end = rest.find(ends_a_word).unwrap_or(rest.len());
    let user_info = rest.get(..rest.get(..end)?.rfind('@')?)?;
    // Without a colon there is no password, but a token may stand in the place of the user.
    let from = user_info.find(':').map_or(0, |colon| colon + 1);
    Some((from, user_info.len() - from))
}

fn end_of_value(rest: &str) -> usize {
    rest.find(|c| ends_a_word(c) || c == '&').unwrap_or(rest.len())
}

fn ends_a_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>')
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
    fn outside_text_is_escaped_and_cut() {
        assert_eq!(Escaped("a\nb\u{202e}c\u{85}ü").to_string(), "a\\u{a}b\\u{202e}c\\u{85}ü");
        assert_eq!(Escaped(&"x".repeat(256)).to_string().len(), 256);
        assert_eq!(Escaped(&"x".repeat(257)).to_string(), format!("{}…", "x".repeat(256)));
    }
}
