//! The result of a transport: an unverified token, or what is wrong with the credential.

use std::fmt;

use zeroize::Zeroizing;

use crate::rejection::MalformedCredential;

/// What one transport finds in a request.
///
/// # Security
/// Return [`Malformed`](Self::Malformed), never [`Absent`](Self::Absent), for a credential that is
/// present but not well formed. A bad credential must be refused; it must not fall back to another
/// transport.
#[non_exhaustive]
pub enum Extracted<'a> {
    /// The request has no credential of this kind.
    Absent,
    /// The request has a credential of this kind, but no token can be read from it.
    Malformed(MalformedCredential),
    /// An unverified token.
    Token(UnverifiedToken<'a>),
}

impl<'a> Extracted<'a> {
    /// Wraps a token: a part of the request (`&[u8]` or `&str`), or a text made from it (`String`).
    /// The provider checks its form and length.
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

/// A token as received. Usually borrowed from the request; an owned copy is zeroed on drop.
pub struct UnverifiedToken<'a>(Text<'a>);

enum Text<'a> {
    Part(&'a [u8]),
    Copy(Zeroizing<String>),
}

impl UnverifiedToken<'_> {
    /// Returns the token as received.
    ///
    /// # Security
    /// Anyone who has the token may be able to act as the user. Never log it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Part(part) => part,
            Text::Copy(copy) => copy.as_bytes(),
        }
    }

    /// Whether a token may be this long. Checked first, so that an overlong token costs nothing
    /// more.
    pub(crate) fn check_length(&self, max_bytes: usize) -> Result<(), MalformedCredential> {
        if self.as_bytes().len() > max_bytes { Err(MalformedCredential::TooLong) } else { Ok(()) }
    }

    /// Whether the token is a `b64token` of [RFC 6750 section
    /// 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
    pub(crate) fn check_grammar(&self) -> Result<(), MalformedCredential> {
        if is_b64token(self.as_bytes()) { Ok(()) } else { Err(MalformedCredential::Grammar) }
    }

    /// The token's text, for longer than the request lasts. Empty if the token is not UTF-8.
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
    // Without an early exit, this is vectorised.
    !body.is_empty() && body.iter().fold(true, |fine, byte| fine & is_b64token_char(*byte))
}

const fn is_b64token_char(byte: u8) -> bool {
    // From `-` to `9` are `-`, `.`, `/` and the digits.
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'-'..=b'9' | b'_' | b'~' | b'+')
}

/// The result as text, for tests: the token, `absent`, or what is wrong with it.
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
