//! `WWW-Authenticate`, read back by a parser that is not ours, and the table in the documentation
//! of `Rejection`.

use std::collections::BTreeSet;

use fauth_core::{AuthConfig, Missing, Rejection, reply::Reply};
use fauth_testing::{SECRET, Users, provider_with};
use proptest::prelude::*;

use crate::support::{World, every_rejection, get, header};

/// Status, code, `error` of the challenge (`None`: no challenge, empty: a realm and nothing else),
/// and a header besides.
fn documented(rejection: &Rejection) -> (u16, &'static str, Option<&'static str>, Option<&'static str>) {
    match rejection {
        Rejection::MissingCredential => (401, "missing_credential", Some(""), None),
        Rejection::MalformedCredential(_) => (400, "malformed_credential", Some("invalid_request"), None),
        Rejection::InvalidToken(_) => (401, "invalid_token", Some("invalid_token"), None),
        Rejection::InvalidCredentials => (401, "invalid_credentials", Some(""), None),
        Rejection::StaleLogin { .. } => {
            let code = "insufficient_user_authentication";
            (401, code, Some(code), None)
        }
        Rejection::Forbidden(missing) => {
            let code = match missing {
                Missing::Role(_) => "missing_role",
                Missing::Permission(_) => "missing_permission",
                Missing::Scopes(_) => "missing_scope",
                Missing::ApiKeyNotAllowed => "api_key_not_allowed",
                Missing::ForeignTokenNotAllowed => "foreign_token_not_allowed",
                _ => "forbidden",
            };
            (403, code, Some("insufficient_scope"), None)
        }
        Rejection::GuestsOnly => (403, "guests_only", None, None),
        Rejection::CrossSiteRequest(_) => (403, "cross_site_request", None, None),
        Rejection::InvalidCsrfToken(_) => (403, "invalid_csrf_token", None, None),
        Rejection::AmbiguousPath => (400, "ambiguous_path", None, None),
        Rejection::InvalidRequest | Rejection::InvalidField { .. } => (400, "invalid_request", None, None),
        Rejection::NotFound => (404, "not_found", None, None),
        Rejection::MethodNotAllowed { .. } => (405, "method_not_allowed", None, Some("allow")),
        Rejection::BodyTimeout => (408, "body_timeout", None, None),
        Rejection::PayloadTooLarge => (413, "payload_too_large", None, None),
        Rejection::UnsupportedMediaType => (415, "unsupported_media_type", None, None),
        Rejection::Unprocessable(_) => (422, "unprocessable", None, None),
        Rejection::TooManyRequests { .. } => (429, "too_many_requests", None, Some("retry-after")),
        Rejection::Misconfigured(_) => (500, "misconfigured", None, None),
        Rejection::Busy { .. } => (503, "busy", None, Some("retry-after")),
        Rejection::Unavailable(_) => (503, "unavailable", None, Some("retry-after")),
        other => panic!("a new refusal wants a line here: {other:?}"),
    }
}

/// Name and value of each parameter of the one Bearer challenge.
#[track_caller]
fn parameters(reply: &Reply) -> Vec<(String, String)> {
    let [value] = header(reply, "www-authenticate")[..] else { panic!("not one challenge: {reply:?}") };
    let challenges = http_auth::parse_challenges(value).unwrap();
    let [challenge] = challenges.as_slice() else { panic!("not one challenge: {value}") };
    assert_eq!(challenge.scheme, "Bearer", "{value}");
    challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect()
}

/// RFC 6750 section 3 and RFC 9470 section 3: at most one of each, and nothing outside their
/// alphabets.
#[track_caller]
fn conforms(parameters: &[(String, String)]) {
    let names: BTreeSet<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), parameters.len(), "{parameters:?}");
    for (name, value) in parameters {
        let is_visible = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let fits = match name.as_str() {
            "realm" => value.bytes().all(|b| matches!(b, 0x20..=0x7e)),
            "max_age" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
            "scope" => value.split(' ').all(|scope| !scope.is_empty() && scope.bytes().all(is_visible)),
            "error" | "error_description" => {
                !value.is_empty() && value.bytes().all(|b| b == b' ' || is_visible(b))
            }
            _ => false,
        };
        assert!(fits, "{name}={value:?}");
    }
}

fn value<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_refusal_is_as_its_table_says() {
    let world = World::new();
    for (name, rejection) in every_rejection() {
        let (status, code, challenge, extra) = documented(&rejection);
        assert_eq!((rejection.status(), rejection.code()), (status, code), "{name}");
        let reply = world.auth.refuse(&rejection, &get("/"));
        assert_eq!(reply.status(), status, "{name}");
        assert_eq!(header(&reply, "cache-control"), ["no-store"], "{name}");
        for other in ["allow", "retry-after"] {
            assert_eq!(header(&reply, other).len(), usize::from(extra == Some(other)), "{name}: {other}");
        }
        let Some(error) = challenge else {
            assert!(header(&reply, "www-authenticate").is_empty(), "{name}");
            continue;
        };
        let parameters = parameters(&reply);
        conforms(&parameters);
        assert_eq!(value(&parameters, "realm"), Some("fauth"), "{name}");
        assert_eq!(value(&parameters, "error").unwrap_or_default(), error, "{name}");
        assert_eq!(value(&parameters, "error_description").is_some(), !error.is_empty(), "{name}");
        let scope = matches!(rejection, Rejection::Forbidden(Missing::Scopes(_))).then_some("read write");
        assert_eq!(value(&parameters, "scope"), scope, "{name}");
        let max_age = matches!(rejection, Rejection::StaleLogin { .. }).then_some("900");
        assert_eq!(value(&parameters, "max_age"), max_age, "{name}");
    }
}

/// What the caller hears about a token is the same whatever is wrong with it.
#[test]
fn every_bad_token_gets_the_same_answer() {
    let world = World::new();
    let replies: Vec<_> = every_rejection()
        .into_iter()
        .filter(|(_, rejection)| rejection.code() == "invalid_token")
        .map(|(_, rejection)| world.auth.refuse(&rejection, &get("/")))
        .collect();
    assert!(replies.len() > 15);
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn reasons_are_names() {
    for (name, rejection) in every_rejection() {
        let reason = rejection.reason();
        assert!(
            !reason.is_empty() && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}: {reason}"
        );
        assert_eq!(rejection.to_string(), reason);
    }
}

fn refused_by(realm: &str, rejection: &Rejection) -> Option<Reply> {
    let config = AuthConfig::builder().secret(SECRET).realm(realm).build().ok()?;
    let auth = provider_with(config, &Users::new()).build().unwrap();
    Some(auth.refuse(rejection, &get("/")))
}

#[test]
fn a_realm_outside_the_grammar_is_not_built() {
    for bad in ["quo\"te", "back\\slash", "a\r\nb", "nul\0", "ä", ""] {
        assert!(refused_by(bad, &Rejection::MissingCredential).is_none(), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_realm_is_accepted_comes_back(realm in prop_oneof!["[ -~]{1,24}", ".{0,24}"]) {
        for rejection in [Rejection::MissingCredential, Rejection::InvalidToken(fauth_core::rejection::InvalidToken::UnknownUser)] {
            if let Some(reply) = refused_by(&realm, &rejection) {
                let parameters = parameters(&reply);
                conforms(&parameters);
                prop_assert_eq!(value(&parameters, "realm"), Some(realm.as_str()));
            }
        }
    }

    #[test]
    fn whatever_scopes_a_requirement_accepts_come_back(
        scopes in prop::collection::btree_set("[ -~]{1,12}", 1..4),
    ) {
        let requirement = fauth_core::Requirement::user().scopes(&scopes);
        if requirement.validate().is_ok() {
            let missing = Missing::Scopes(scopes.iter().map(|scope| scope.as_str().into()).collect());
            let reply = refused_by("r", &Rejection::Forbidden(missing)).unwrap();
            let parameters = parameters(&reply);
            conforms(&parameters);
            let joined = scopes.iter().cloned().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(value(&parameters, "scope"), Some(joined.as_str()));
        }
    }
}
