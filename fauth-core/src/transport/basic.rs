//! `Authorization: Basic …` (RFC 7617) and `Bearer …`, for API keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    BearerTransport, Extracted, SecurityScheme, Transport,
    bearer::{from_authorization, scheme_and_rest, skip_spaces},
};
use crate::{rejection::MalformedCredential, request::RequestHead, token::Purpose};

/// The user name of `Basic` credentials whose password is an API key.
const USER_NAME: &[u8] = b"__token__";
/// Longer credentials are not decoded.
const MAX_BASE64_BYTES: usize = 8192;

/// Reads an API key from `Authorization: Basic <base64>`, as the password of the user `__token__`
/// ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)), for clients that support nothing else.
/// Part of every provider that keeps API keys.
///
/// Another user name is not a credential of this kind. Base64 that is not canonical, or a
/// credential without a colon, is refused with 400.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BasicTransport;

impl Transport for BasicTransport {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        from_authorization(head, purpose, parse)
    }

    fn is_ambient(&self) -> bool {
        false
    }

    fn may_be_attached(&self) -> bool {
        true
    }

    fn is_for_api_keys(&self) -> bool {
        true
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Basic
    }
}

fn parse(value: &[u8]) -> Extracted<'_> {
    let (scheme, rest) = scheme_and_rest(value);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Extracted::Absent;
    }
    let Some(text) = skip_spaces(rest) else { return Extracted::Malformed(MalformedCredential::Grammar) };
    if text.len() > MAX_BASE64_BYTES {
        return Extracted::Malformed(MalformedCredential::TooLong);
    }
    password(text).unwrap_or(Extracted::Malformed(MalformedCredential::Grammar))
}

/// Returns `None` if the credential does not have the form of RFC 7617.
fn password(text: &[u8]) -> Option<Extracted<'static>> {
    let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user_name, password) = decoded.split_at_checked(colon)?;
    if user_name != USER_NAME {
        return Some(Extracted::Absent);
    }
    let password = std::str::from_utf8(password.get(1..)?).ok()?;
    Some(Extracted::token(Zeroizing::new(password.to_owned())))
}

/// Reads an API key from `Authorization: Bearer <key>` where tokens do not use this header. A value
/// without the prefix of API keys is not a credential of this kind.
#[derive(Debug, Clone)]
pub(crate) struct BearerKeyTransport {
    /// The prefix of API keys.
    pub(crate) lead: Box<str>,
}

impl Transport for BearerKeyTransport {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        match BearerTransport::new().extract(head, purpose) {
            Extracted::Token(token) if token.as_bytes().starts_with(self.lead.as_bytes()) => {
                Extracted::Token(token)
            }
            Extracted::Malformed(MalformedCredential::Duplicate) => {
                Extracted::Malformed(MalformedCredential::Duplicate)
            }
            _ => Extracted::Absent,
        }
    }

    fn is_ambient(&self) -> bool {
        false
    }

    fn is_for_api_keys(&self) -> bool {
        true
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Bearer
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::extracted::outcome, *};

    #[track_caller]
    fn check(value: impl AsRef<[u8]>, expected: &str) {
        let value = value.as_ref();
        assert_eq!(outcome(parse(value)), expected, "{}", value.escape_ascii());
    }

    fn basic(credential: impl AsRef<[u8]>) -> String {
        format!("Basic {}", STANDARD.encode(credential))
    }

    #[test]
    fn the_password_of_one_user_name_is_a_key() {
        check(basic("__token__:key_1"), "key_1");
        check(basic("__token__:k"), "k");
        check(basic("__token__:kk"), "kk");
        check(basic("__token__:key_1").replace("Basic ", "bAsIc   "), "key_1");
        check(format!("\t {} ", basic("__token__:key_1")), "key_1");
    }

    #[test]
    fn another_user_name_is_no_credential() {
        for other in ["alice:s3cret", ":", "__token__ :k", "__TOKEN__:k", "x__token__:k", "a:__token__:k"] {
            check(basic(other), "absent");
        }
        check(basic(b"\xe4:\xff"), "absent");
        for other in ["Bearer abc", "Basicx abc", "Digest a=\"b\"", "", "abc"] {
            check(other, "absent");
        }
    }

    #[test]
    fn the_grammar_is_that_of_rfc_7617() {
        let good = basic("__token__:key_1");
        check(&good, "key_1");
        for bad in [
            "Basic".to_owned(),
            "Basic ".to_owned(),
            good.replace("Basic ", "Basic\t"),
            format!("{good}="),
            format!("{good}, Basic abcd"),
            good.trim_end_matches('=').get(..good.len() - 3).unwrap().to_owned() + "!",
            basic("no colon"),
            basic("__token__:"),
            basic("__token__:two words"),
            basic("__token__:a\nb"),
            basic(b"__token__:\xff"),
            // The same bytes in another encoding: without padding, with non-zero trailing bits, in
            // the other alphabet.
            basic("__token__:k").trim_end_matches('=').to_owned(),
            "Basic X190b2tlbl9fOmtrL===".to_owned(),
            "Basic X190b2tlbl9fOms=".replace("ms=", "mt="),
            "Basic X190b2tlbl9fOj8_".to_owned(),
        ] {
            check(&bad, "Grammar");
        }
    }

    #[test]
    fn the_length_has_a_limit() {
        let at_limit = 8192 / 4 * 3 - b"__token__:".len();
        check(basic(format!("__token__:{}", "k".repeat(at_limit))), &"k".repeat(at_limit));
        check(basic(format!("__token__:{}", "k".repeat(at_limit + 1))), "TooLong");
        check(basic(format!("alice:{}", "k".repeat(at_limit + 10))), "TooLong");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&value);
            let _ = parse(&[b"Basic ", value.as_slice()].concat());
            let _ = parse(basic([b"__token__:", value.as_slice()].concat()).as_bytes());
        }
    }
}
