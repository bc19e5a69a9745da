//! Bodies, byte for byte.

use std::time::Duration;

use super::*;
use crate::{
    rejection::{ErrorJson, Misconfigured, ProblemJson, ProtectionSpace, Unavailable},
    reply::ResponseHeader,
    request::HeaderValues,
};

#[test]
fn a_body_is_written_as_python_writes_it() {
    let body = object(&[("error", "a"), ("error_description", "\"é\u{7f}😀\n\\"), ("error_hint", "")]);
    let expected =
        r#"{"error": "a", "error_description": "\"\u00e9\u007f\ud83d\ude00\n\\", "error_hint": ""}"#;
    assert_eq!(body, expected);
}

struct Nowhere;

impl RequestHead for Nowhere {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, _: &str) -> HeaderValues<'a> {
        std::iter::empty().collect()
    }

    fn peer(&self) -> Option<std::net::SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        false
    }
}

fn answer(rejection: &Rejection, renderer: &dyn Renderer) -> Reply {
    rejection.reply(&ProtectionSpace::of_realm("r"), renderer, &Nowhere)
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers().iter().find(|header| header.name() == name).map(ResponseHeader::value)
}

const ANONYMOUS: Option<&str> = Some("Bearer realm=\"r\"");
const INVALID: Option<&str> = Some(
    "Bearer realm=\"r\", error=\"invalid_token\", error_description=\"The token is invalid or has expired\"",
);
const INSUFFICIENT: Option<&str> = Some(
    "Bearer realm=\"r\", error=\"insufficient_scope\", error_description=\"The request needs more rights than \
     the token gives\"",
);

fn missing(missing: MissingMandate) -> Rejection {
    Rejection::Forbidden(Missing::Mandate(missing))
}

/// The ten codes of Caracal, and their sentences as it sends them.
#[test]
fn the_ten_codes() {
    let invalid = |reason| Rejection::InvalidToken(reason);
    let token = |error| Rejection::InvalidToken(InvalidToken::Token(error));
    let scopes = Missing::Scopes(vec!["a:b".into(), "c".into()]);
    let of_scopes = format!("{}, scope=\"a:b c\"", INSUFFICIENT.unwrap());
    for (rejection, status, code, description, challenge) in [
        (Rejection::MissingCredential, 401, "missing_token", "Missing bearer token", ANONYMOUS),
        (token(TokenError::BadSignature), 401, "invalid_token", "Token validation failed", INVALID),
        (token(TokenError::WrongUse), 401, "invalid_token", "Token validation failed", INVALID),
        (token(TokenError::Expired), 401, "invalid_token", "Token validation failed", INVALID),
        (invalid(InvalidToken::UnknownUser), 401, "invalid_token", "Token validation failed", INVALID),
        (token(TokenError::WrongZone), 401, "invalid_zone", "Token zone validation failed", INVALID),
        (invalid(InvalidToken::MandateRevoked), 401, "session_revoked", "Session revoked", INVALID),
        (
            invalid(InvalidToken::DelegationStale),
            401,
            "delegation_stale",
            "Delegation graph changed",
            INVALID,
        ),
        (
            Rejection::Forbidden(scopes),
            403,
            "insufficient_scope",
            "scope_insufficient: Missing required scope: a:b",
            Some(of_scopes.as_str()),
        ),
        (
            missing(MissingMandate::Target("t".into())),
            403,
            "insufficient_scope",
            "scope_insufficient: Missing required target: t",
            INSUFFICIENT,
        ),
        (missing(MissingMandate::AgentSession), 403, "session_required", "Session required", INSUFFICIENT),
        (
            missing(MissingMandate::Delegation),
            403,
            "delegation_required",
            "Delegation required",
            INSUFFICIENT,
        ),
        (
            missing(MissingMandate::ChainApplication("zz".into())),
            403,
            "chain_mismatch",
            "chain_mismatch: Delegation chain missing application: zz",
            INSUFFICIENT,
        ),
        (
            missing(MissingMandate::TooManyHops(2)),
            403,
            "hop_count_exceeded",
            "hop_count_exceeded: Hop count exceeded",
            INSUFFICIENT,
        ),
    ] {
        let reply = answer(&rejection, &MandateJson::new());
        assert_eq!((reply.status(), header(&reply, "www-authenticate")), (status, challenge), "{code}");
        assert_eq!(header(&reply, "content-type"), Some("application/json"), "{code}");
        let body = std::str::from_utf8(reply.body_bytes()).unwrap();
        let begin =
            format!("{{\"error\": \"{code}\", \"error_description\": \"{description}\", \"error_hint\": \"");
        let hint = body.strip_prefix(&begin).and_then(|rest| rest.strip_suffix("\"}"));
        assert!(hint.is_some_and(|hint| hint.len() > 20 && hint.is_ascii()), "{body}");
    }
}

/// What Caracal has no code for keeps its own, in the same form.
#[test]
fn other_refusals_have_the_same_members() {
    for (rejection, status) in [
        (Rejection::Forbidden(Missing::Role("admin".into())), 403),
        (Rejection::Forbidden(Missing::Alternative), 403),
        (Rejection::AmbiguousPath, 400),
        (Rejection::TooManyRequests { retry_after: Duration::from_secs(3) }, 429),
        (Rejection::Misconfigured(Misconfigured::NoStore), 500),
        (Rejection::Unavailable(Unavailable::Store), 503),
    ] {
        let reply = answer(&rejection, &MandateJson::new());
        let code = rejection.code();
        let (description, hint) = (rejection.detail(), hint(&rejection));
        let body = format!(
            "{{\"error\": \"{code}\", \"error_description\": \"{description}\", \"error_hint\": \"{hint}\"}}"
        );
        assert_eq!((reply.status(), reply.body_bytes()), (status, body.as_bytes()));
    }
}

/// With another renderer each refusal has the code and the sentence that it has everywhere.
#[test]
fn other_renderers_know_mandates() {
    let of_invalid = "The token is invalid or has expired";
    for (rejection, code, detail, reason) in [
        (
            missing(MissingMandate::Target("t".into())),
            "missing_target",
            "Missing target: t",
            "missing_target",
        ),
        (
            missing(MissingMandate::AgentSession),
            "session_required",
            "An agent session is required",
            "session_required",
        ),
        (
            missing(MissingMandate::Delegation),
            "delegation_required",
            "A delegation is required",
            "delegation_required",
        ),
        (
            missing(MissingMandate::ChainApplication("zz".into())),
            "chain_mismatch",
            "The delegation chain lacks the application: zz",
            "chain_mismatch",
        ),
        (
            missing(MissingMandate::TooManyHops(2)),
            "hop_count_exceeded",
            "The mandate was handed on more than 2 times",
            "hop_count_exceeded",
        ),
        (
            Rejection::InvalidToken(InvalidToken::MandateRevoked),
            "invalid_token",
            of_invalid,
            "mandate_revoked",
        ),
        (
            Rejection::InvalidToken(InvalidToken::DelegationStale),
            "invalid_token",
            of_invalid,
            "delegation_stale",
        ),
        (Rejection::from(TokenError::WrongZone), "invalid_token", of_invalid, "wrong_zone"),
        (Rejection::from(TokenError::WrongUse), "invalid_token", of_invalid, "wrong_use"),
    ] {
        assert_eq!((rejection.code(), rejection.reason()), (code, reason));
        assert_eq!(rejection.detail(), detail);
        for renderer in [&ProblemJson::new() as &dyn Renderer, &ErrorJson::new()] {
            let reply = answer(&rejection, renderer);
            let body = std::str::from_utf8(reply.body_bytes()).unwrap();
            assert!(body.contains(&format!("\"error\":\"{code}\"")), "{body}");
        }
    }
}

#[test]
fn the_form_is_described() {
    let body = MandateJson::new().describe().unwrap();
    assert_eq!((body.name(), body.media_type()), ("MandateError", "application/json"));
    let required = serde_json::json!(["error", "error_description", "error_hint"]);
    assert_eq!(body.schema().get("required"), Some(&required));
    assert!(!MandateJson::new().reads_headers());
}
