//! `Authorization: Bearer …` (RFC 6750 section 2.1).

use super::{Extracted, SecurityScheme, Transport};
use crate::{
    rejection::MalformedCredential,
    request::{RequestHead, is_token_char},
    token::Purpose,
};

/// Reads `Authorization: Bearer <token>` ([RFC 6750 section
/// 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). The default transport.
///
/// The scheme is case-insensitive, and one or more spaces may follow it. Another scheme is not a
/// credential of this kind. A second `Authorization` header, a list, an empty token and anything
/// outside the grammar are refused with 400.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct BearerTransport;

impl BearerTransport {
    /// Creates the transport. It has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Transport for BearerTransport {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        from_authorization(head, purpose, parse)
    }

    fn is_ambient(&self) -> bool {
        false
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Bearer
    }
}

/// Applies `parse` to the single `Authorization` header. Only access credentials use this header.
pub(super) fn from_authorization<'a>(
    head: &'a dyn RequestHead,
    purpose: Purpose,
    parse: fn(&'a [u8]) -> Extracted<'a>,
) -> Extracted<'a> {
    if purpose != Purpose::Access {
        return Extracted::Absent;
    }
    let values = head.header("authorization");
    match values.single() {
        None if values.is_empty() => Extracted::Absent,
        None => Extracted::Malformed(MalformedCredential::Duplicate),
        Some(value) => parse(value),
    }
}

fn parse(value: &[u8]) -> Extracted<'_> {
    let (scheme, rest) = scheme_and_rest(value);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return if scheme.is_empty() || !is_visible(trim(value)) {
            Extracted::Malformed(MalformedCredential::Grammar)
        } else {
            Extracted::Absent
        };
    }
    skip_spaces(rest).map_or(Extracted::Malformed(MalformedCredential::Grammar), Extracted::token)
}

/// Splits a credential into its scheme and the rest ([RFC 9110 section
/// 11.4](https://www.rfc-editor.org/rfc/rfc9110#section-11.4)).
pub(super) fn scheme_and_rest(value: &[u8]) -> (&[u8], &[u8]) {
    // White space around a field value is not part of it (RFC 9110 section 5.5), but not every
    // server strips it.
    let value = trim(value);
    let scheme_end = value.iter().position(|b| !is_token_char(*b)).unwrap_or(value.len());
    value.split_at(scheme_end)
}

/// The text after the spaces that follow a scheme; `None` without spaces.
pub(super) fn skip_spaces(rest: &[u8]) -> Option<&[u8]> {
    let credential =
        rest.iter().position(|b| *b != b' ').and_then(|start| rest.get(start..)).unwrap_or_default();
    (credential.len() < rest.len()).then_some(credential)
}

/// Whether the value is ASCII without control characters.
fn is_visible(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, 0x20..=0x7e))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::extracted::outcome, *};

    #[track_caller]
    fn check(value: &[u8], expected: &str) {
        let found = outcome(parse(value));
        assert_eq!(found, expected, "{}", value.escape_ascii());
    }

    #[test]
    fn the_grammar_is_that_of_rfc_6750() {
        for good in [
            "Bearer a.b-c_d~e+f/g==",
            "bearer a.b-c_d~e+f/g==",
            "BEARER   a.b-c_d~e+f/g==",
            "\t Bearer a.b-c_d~e+f/g== ",
        ] {
            check(good.as_bytes(), "a.b-c_d~e+f/g==");
        }
        for other in ["Basic dXNlcg==", "Bearerx abc", "eyJhbGciOiJIUzI1NiJ9.e30.x", "Digest a=\"b\", c=d"] {
            check(other.as_bytes(), "absent");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer\tabc",
            "Bearer a b",
            "Bearer a, Bearer b",
            "Bearer a,b",
            "Bearer \"a\"",
            "Bearer ==",
            "Bearer a=b",
            ",",
            "Bearer:a",
        ] {
            check(bad.as_bytes(), "Grammar");
        }
        check(b"Bearer \xc3\xa4", "Grammar");
        check(b"Bearer a\x00", "Grammar");
        check(b"\xff", "Grammar");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&value);
            let _ = parse(&[b"Bearer ", value.as_slice()].concat());
        }
    }
}
