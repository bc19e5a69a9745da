//! How a credential travels: where it is found in a request, and how a response sets and clears it.

mod basic;
mod bearer;
mod cookie;
mod query;

use std::{fmt, time::Duration};

use zeroize::Zeroizing;

pub(crate) use basic::{BasicTransport, BearerKeyTransport};
pub use bearer::BearerTransport;
pub use cookie::{CookieTransport, SameSite};
pub use query::QueryTransport;

use crate::{
    rejection::{MalformedCredential, ResponseHeader},
    request::RequestHead,
    token::{IssuedToken, Purpose},
};

/// What one transport finds in a request.
///
/// # Security
/// "There is one, but it is not well formed" must be [`Malformed`](Self::Malformed), never [`Absent`](Self::Absent): a bad
/// credential is refused, it does not give way to another.
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
    /// A token: a part of the request (`&[u8]` or `&str`), or what was made from it (`String`). Whether it has the form and the length of a token is looked at
    /// by whom it is given to.
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

/// A token as it was received. Mostly a part of the request, so that there is no copy of it; a copy is zeroed on drop.
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

    /// May a token be so long? Asked before anything else, so that nobody pays for what is too long.
    pub(crate) fn check_length(&self, max_bytes: usize) -> Result<(), MalformedCredential> {
        if self.as_bytes().len() > max_bytes { Err(MalformedCredential::TooLong) } else { Ok(()) }
    }

    /// Is it a `b64token` of [RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)?
    pub(crate) fn check_grammar(&self) -> Result<(), MalformedCredential> {
        if is_b64token(self.as_bytes()) { Ok(()) } else { Err(MalformedCredential::Grammar) }
    }

    /// The token's text, for longer than the request lasts. Of a token that is not of the right form, nothing.
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

/// Where a token is found, and how it is handed out.
///
/// A provider has an ordered list of transports. The first that finds anything decides, good or bad; explicit ones are asked first, then ambient ones, then those in the URL. The first that can
/// [`set`](Self::set) a token delivers those of the ready-made login; without one they are in the body.
///
/// ```
/// use fauth_core::{Extracted, RequestHead, SecurityScheme, Transport, Purpose};
///
/// /// A gateway in front of the service puts the token here.
/// #[derive(Debug)]
/// struct GatewayHeader;
///
/// impl Transport for GatewayHeader {
///     fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
///         if purpose != Purpose::Access { return Extracted::Absent; }
///         let values = head.header("x-gateway-token");
///         match values.single() {
///             None if values.is_empty() => Extracted::Absent,
///             Some(token) => Extracted::token(token),
///             None => Extracted::Malformed(fauth_core::MalformedCredential::Duplicate),
///         }
///     }
///
///     fn describe(&self) -> SecurityScheme {
///         SecurityScheme::Header { name: "X-Gateway-Token".into() }
///     }
///
///     fn is_ambient(&self) -> bool {
///         false // no browser adds this header by itself
///     }
/// }
/// ```
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Looks for a token of this purpose (access or refresh).
    ///
    /// What is found may be a part of the request: `'a` is the life of `head`. Write both lifetimes, as here; with `Extracted<'_>` the compiler would
    /// take that of `self`.
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a>;

    /// The headers that hand a new token to the client. Default: none, the token goes into the body of the answer.
    ///
    /// # Errors
    /// [`SetTokenError`] if it cannot be handed over in this way, since it is too long for a cookie for example.
    fn set(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        lifetime: Duration,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        let _ = (token, purpose, lifetime);
        Ok(Vec::new())
    }

    /// The headers that take the tokens away from the client. Default: none.
    fn clear(&self) -> Vec<ResponseHeader> {
        Vec::new()
    }

    /// What a description of the application's interface says of it.
    fn describe(&self) -> SecurityScheme;

    /// Do browsers attach this credential unasked, as they do with cookies? Then requests that change something need proof of their origin, and an
    /// explicit credential beside it counts alone.
    ///
    /// # Security
    /// There is no default, since the wrong answer costs the protection against forged requests.
    fn is_ambient(&self) -> bool;

    /// Does an ambient credential travel over plain HTTP too? Then pages of the own host are trusted under `http://` as well. Default: no.
    fn is_insecure(&self) -> bool {
        false
    }

    /// Does the token stand in the URL? Then no answer may be cached. Default: no.
    fn is_in_url(&self) -> bool {
        false
    }

    /// Does it carry [API keys](crate::AuthProvider::create_api_key) and never tokens? Then a token in it is refused with 401. Default: no; a header
    /// carries both, a cookie and a URL never carry keys.
    fn is_for_api_keys(&self) -> bool {
        false
    }
}

/// A token that a transport cannot hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetTokenError {
    /// It is longer than what clients keep.
    #[error("the token is too long for this transport")]
    TooLong,
}

/// A transport in the terms of the `OpenAPI` specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityScheme {
    /// `type: http, scheme: bearer, bearerFormat: JWT`.
    Bearer,
    /// `type: http, scheme: basic`: an API key as the password of the user name `__token__`.
    Basic,
    /// `type: apiKey, in: cookie`.
    Cookie {
        /// The cookie's name.
        name: Box<str>,
    },
    /// `type: apiKey, in: query`.
    Query {
        /// The parameter's name.
        name: Box<str>,
    },
    /// `type: apiKey, in: header`.
    Header {
        /// The header's name.
        name: Box<str>,
    },
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
fn outcome(found: Extracted<'_>) -> String {
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
