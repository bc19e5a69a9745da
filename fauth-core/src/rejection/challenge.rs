//! `WWW-Authenticate`, exactly as RFC 6750 section 3 and RFC 9470 section 3 want it.

use super::reason::{INVALID_TOKEN_DETAIL, Rejection, STALE_LOGIN_DETAIL, malformed_detail};
use crate::requirement::Missing;

/// The challenge of a refusal, `None` if it has none. The realm was checked when the configuration was built, scopes when the requirement was
/// written, and every description is a fixed text: nothing of a request gets here.
pub(super) fn bearer(rejection: &Rejection, realm: &str) -> Option<String> {
    let realm = format!("Bearer realm=\"{realm}\"");
    match rejection {
        Rejection::MissingCredential | Rejection::InvalidCredentials => Some(realm),
        Rejection::MalformedCredential(reason) => {
            Some(error(&realm, "invalid_request", malformed_detail(*reason)))
        }
        Rejection::InvalidToken(_) => Some(error(&realm, "invalid_token", INVALID_TOKEN_DETAIL)),
        Rejection::StaleLogin { max_age } => {
            let challenge = error(&realm, "insufficient_user_authentication", STALE_LOGIN_DETAIL);
            Some(format!("{challenge}, max_age=\"{}\"", max_age.as_secs()))
        }
        Rejection::Forbidden(Missing::Scopes(scopes)) => {
            let scopes = scopes.join(" ");
            Some(format!("{}, scope=\"{scopes}\"", insufficient_scope(&realm)))
        }
        Rejection::Forbidden(_) => Some(insufficient_scope(&realm)),
        _ => None,
    }
}

fn insufficient_scope(realm: &str) -> String {
    error(realm, "insufficient_scope", "The request needs more rights than the token gives")
}

fn error(realm: &str, code: &str, description: &str) -> String {
    format!("{realm}, error=\"{code}\", error_description=\"{description}\"")
}
