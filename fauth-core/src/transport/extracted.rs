//! What a transport finds: a token that nobody has verified yet, or what is wrong with it.

use std::fmt;

use zeroize::Zeroizing;

use crate::rejection::MalformedCredential;

/// What one transport finds in a request.
///
/// # Security
/// "There is one, but it is not well formed" must be [`Malformed`](Self::Malformed), never
/// [`Absent`](Self::Absent): a bad credential is refused, it does not give way to another.
#[non_exhaustive]
pub enum Extracted<'a> {
    /// Nothing of this transport's kind.
    Absent,
    /// Something of this kind that no token can be read from.
    Malformed(MalformedCredential),
    /// A token.
    Token(UnverifiedToken<'a>),
}

impl<'a> Extracted<'a> {
    /// A token: a part of the request (`&[u8]` or `&str`), or what was made from it (`String`).
    /// Whether it has the form and the length of a token is looked at by whom it is given to.
    #[must_use]
    pub fn token(token: impl Into<UnverifiedToken<'a>>) -> Self {
        Self::Token(token.into())
    }
}

impl fmt::Debug for Extracted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Malformed(reason) => f.debug_tuple("Malformed").field(reason).finish(),
            Self::Token(_) => f.write_str("Token(..)"),
        }
    }
}

/// A token as it was received. Mostly a part of the request, so that there is no copy of it; a
/// copy is zeroed on drop.
pub struct UnverifiedToken<'a>(Text<'a>);

enum Text<'a> {
    Part(&'a [u8]),
    Copy(Zeroizing<String>),
}

impl UnverifiedToken<'_> {
    /// The token as received.
    ///
    /// # Security
    /// Whoever has it may be the user. Never log it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Part(part) => part,
            Text::Copy(copy) => copy.as_bytes(),
        }
    }

    /// May a token be so long? Asked before anything else, so that nobody pays for what is too
    /// long.
    pub(crate) fn check_length(&self, max_bytes: usize) -> Result<(), MalformedCredential> {
        if self.as_bytes().len() > max_bytes { Err(MalformedCredential::TooLong) } else { Ok(()) }
    }

    /// Is it a `b64token` of [RFC 6750 section
    /// 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)?
    pub(crate) fn check_grammar(&self) -> Result<(), MalformedCredential> {
        if is_b64token(self.as_bytes()) { Ok(()) } else { Err(MalformedCredential::Grammar) }
    }

    /// The token's text, for longer than the request lasts. Of a token that is not of the right
    /// form, nothing.
    pub(crate) fn into_owned(self) -> Zeroizing<String> {
        match self.0 {
            Text::Part(part) => Zeroizing::new(std::str::from_utf8(part).unwrap_or_default().to_owned()),
            Text::Copy(copy) => copy,
        }
    }
}

impl<'a> From<&'a [u8]> for UnverifiedToken<'a> {
    fn from(token: &'a [u8]) -> Self {
        Self(Text::Part(token))
    }
}

impl<'a> From<&'a str> for UnverifiedToken<'a> {
    fn from(token: &'a str) -> Self {
        Self(Text::Part(token.as_bytes()))
    }
}

impl<'a> From<&'a String> for UnverifiedToken<'a> {
    fn from(token: &'a String) -> Self {
        Self::from(token.as_str())
    }
}

impl From<Zeroizing<String>> for UnverifiedToken<'_> {
    fn from(token: Zeroizing<String>) -> Self {
        Self(Text::Copy(token))
    }
}

impl From<String> for UnverifiedToken<'_> {
    fn from(token: String) -> Self {
        Self(Text::Copy(Zeroizing::new(token)))
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedToken(..)")
    }
}

/// `b64token` of [RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
fn is_b64token(text: &[u8]) -> bool {
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    let body = text.get(..end).unwrap_or_default();
    // Without a way out in the middle, this is done for many bytes at a time.
    !body.is_empty() && body.iter().fold(true, |fine, byte| fine & is_b64token_char(*byte))
}

const fn is_b64token_char(byte: u8) -> bool {
    // Between `-` and `9` are `-`, `.`, `/` and the digits.
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'-'..=b'9' | b'_' | b'~' | b'+')
}

/// What has become of a credential, for tests: the token, `absent`, or what is wrong with it.
#[cfg(test)]
pub(super) fn outcome(found: Extracted<'_>) -> String {
    let token = match found {
        Extracted::Absent => return "absent".to_owned(),
        Extracted::Malformed(reason) => return format!("{reason:?}"),
        Extracted::Token(token) => token,
    };
    match token.check_grammar() {
        Ok(()) => token.into_owned().to_string(),
        Err(reason) => format!("{reason:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characters_of_tokens_are_those_of_rfc_6750() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_b64token_char(byte), expected, "{byte}");
        }
    }

    #[test]
    fn padding_stands_at_the_end_only() {
        for good in ["a", "a=", "a==", "a.b-c"] {
            assert_eq!(UnverifiedToken::from(good).check_grammar(), Ok(()), "{good}");
        }
        for bad in ["", "=", "==", "a=b", "=a", "a b"] {
            assert_eq!(
                UnverifiedToken::from(bad).check_grammar(),
                Err(MalformedCredential::Grammar),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_length_has_a_limit() {
        assert_eq!(UnverifiedToken::from("abc").check_length(3), Ok(()));
        assert_eq!(UnverifiedToken::from("abcd").check_length(3), Err(MalformedCredential::TooLong));
    }

    #[test]
    fn tokens_are_not_shown() {
        assert_eq!(format!("{:?}", Extracted::token("abc")), "Token(..)");
        assert_eq!(format!("{:?}", UnverifiedToken::from("abc")), "UnverifiedToken(..)");
        assert_eq!(UnverifiedToken::from("abc").into_owned().as_str(), "abc");
        assert_eq!(UnverifiedToken::from("abc".to_owned()).as_bytes(), b"abc");
    }
}
