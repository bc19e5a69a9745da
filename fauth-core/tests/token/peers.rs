//! What other JWT libraries accept, each of it correctly signed: refused here without exception.

use fauth_core::{
    Purpose,
    token::{Algorithm, TokenError},
};
use fauth_testing::{SECRET, sign_with};

use super::support::*;

use TokenError::{
    ForbiddenHeader, InvalidClaim, Malformed, MalformedClaims, MissingClaim, NotYetValid, WrongAudience,
};

fn origin() -> Object {
    claims().with("iss", format!("\"{ISSUER}\"")).with("aud", format!("\"{AUDIENCE}\""))
}

#[track_caller]
fn refused(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>, reason: TokenError) {
    let auth = auth(|config| config.issuer(ISSUER).audience(AUDIENCE));
    check(&auth, &sign_with(Algorithm::HS256, SECRET.as_bytes(), header, claims), &Err(reason));
}

#[track_caller]
fn header_refused(header: &Object, reason: TokenError) {
    refused(header.text(), origin().text(), reason);
}

#[track_caller]
fn claims_refused(claims: &Object, reason: TokenError) {
    refused(header().text(), claims.text(), reason);
}

#[test]
fn the_token_that_all_of_them_spoil_is_good() {
    let auth = auth(|config| config.issuer(ISSUER).audience(AUDIENCE));
    check(&auth, &token(&header(), &origin()), &Ok(()));
}

#[test]
fn crit_in_any_form() {
    header_refused(&header().with("crit", "[\"x\"]").with("x", "1"), ForbiddenHeader);
    header_refused(&header().with("crit", "[\"x\"]"), ForbiddenHeader);
    header_refused(&header().with("crit", "[\"b64\"]").with("b64", "false"), ForbiddenHeader);
    header_refused(&header().with("crit", "[]"), ForbiddenHeader);
    header_refused(&header().with("crit", "[\"alg\"]"), ForbiddenHeader);
}

#[test]
fn an_audience_that_is_missing_or_no_string() {
    claims_refused(&origin().without("aud"), MissingClaim("aud"));
    claims_refused(&origin().with("aud", "null"), InvalidClaim("aud"));
    claims_refused(&origin().with("aud", "5"), InvalidClaim("aud"));
    claims_refused(&origin().with("aud", format!("[\"{AUDIENCE}\",1]")), InvalidClaim("aud"));
    claims_refused(&origin().with("aud", "\"another\""), WrongAudience);
}

#[test]
fn an_issuer_that_is_missing_or_no_string() {
    claims_refused(&origin().without("iss"), MissingClaim("iss"));
    claims_refused(&origin().with("iss", "5"), InvalidClaim("iss"));
    claims_refused(&origin().with("iss", format!("[\"{ISSUER}\"]")), InvalidClaim("iss"));
}

#[test]
fn times_that_are_missing_or_impossible() {
    claims_refused(&origin().without("exp"), MissingClaim("exp"));
    claims_refused(&origin().with("exp", "1e300"), InvalidClaim("exp"));
    claims_refused(&origin().with("nbf", NOW + 600), NotYetValid);
    claims_refused(&origin().with("iat", NOW + 600), NotYetValid);
    claims_refused(&origin().with("iat", NOW + 1_000_000_000), NotYetValid);
}

#[test]
fn members_that_occur_twice() {
    let twice = |object: Object, again: &str| format!("{},{again}}}", object.text().trim_end_matches('}'));
    refused(header().text(), twice(origin(), r#""sub":"bob""#), MalformedClaims);
    let roles = origin().with("roles", "[\"user\"]");
    refused(header().text(), twice(roles, r#""roles":["admin"]"#), MalformedClaims);
    refused(twice(header(), r#""alg":"HS256""#), origin().text(), Malformed);
}

#[test]
fn a_subject_that_is_no_text() {
    claims_refused(&origin().with("sub", "5"), InvalidClaim("sub"));
    claims_refused(&origin().with("sub", r#""\ud800""#), MalformedClaims);
    let invalid = origin().with("sub", "\"?\"").text().into_bytes();
    let invalid: Vec<_> = invalid.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
    refused(header().text(), invalid, MalformedClaims);
}

#[test]
fn another_type_of_token() {
    for typ in ["refresh+jwt", "JWT", "dpop+jwt"] {
        let actual = (typ == "refresh+jwt").then_some(Purpose::Refresh);
        let reason = TokenError::WrongPurpose { expected: Purpose::Access, actual };
        header_refused(&header().with("typ", format!("\"{typ}\"")), reason);
    }
}

#[test]
fn a_compressed_payload() {
    header_refused(&header().with("zip", "\"DEF\""), ForbiddenHeader);
}

#[test]
fn loose_base64() {
    let auth = auth(|config| config.issuer(ISSUER).audience(AUDIENCE));
    let good = token(&header(), &origin());
    check(&auth, &good, &Ok(()));
    for tail in ["=", "==", "\n", "\r\n", " "] {
        check(&auth, &(good.clone() + tail), &Err(Malformed));
    }
    // 43 characters hold 258 bits, of which the last two must be zero.
    let last = good.chars().last().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    check(&auth, &format!("{}{next}", &good[..good.len() - 1]), &Err(Malformed));
}

#[test]
fn a_byte_order_mark_before_the_payload() {
    refused(header().text(), format!("\u{feff}{}", origin().text()), MalformedClaims);
}
