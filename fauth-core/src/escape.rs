//! Outside text, made fit for a log record.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_escaped_and_cut() {
        assert_eq!(Escaped("a\nb\u{202e}c\u{85}ü").to_string(), "a\\u{a}b\\u{202e}c\\u{85}ü");
        assert_eq!(Escaped(&"x".repeat(256)).to_string().len(), 256);
        assert_eq!(Escaped(&"x".repeat(257)).to_string(), format!("{}…", "x".repeat(256)));
    }
}
