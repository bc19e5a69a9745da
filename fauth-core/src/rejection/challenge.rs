//! `WWW-Authenticate`, as RFC 6750 section 3 and RFC 9470 section 3 require.

use std::borrow::Cow;

use super::reason::{INVALID_TOKEN_DETAIL, Rejection, STALE_LOGIN_DETAIL, malformed_detail};
use crate::requirement::Missing;

/// The part of a challenge that is the same for every refusal.
#[derive(Debug, Clone)]
pub(crate) struct ProtectionSpace {
    realm: Cow<'static, str>,
    /// The URL of the resource metadata (RFC 9728 section 5.1).
    resource_metadata: Option<Box<str>>,
}

impl ProtectionSpace {
    /// The realm was checked when the configuration was built.
    pub(crate) fn new(realm: impl Into<Cow<'static, str>>) -> Self {
        Self { realm: realm.into(), resource_metadata: None }
    }

    pub(super) const fn of_realm(realm: &'static str) -> Self {
        Self { realm: Cow::Borrowed(realm), resource_metadata: None }
    }

    /// The URL was checked when the metadata were published: it has no quotes.
    pub(crate) fn with_metadata(self, url: Option<&str>) -> Self {
        Self { resource_metadata: url.map(Into::into), ..self }
    }

    fn challenge(&self) -> String {
        let Self { realm, resource_metadata } = self;
        match resource_metadata {
            Some(url) => format!("Bearer realm=\"{realm}\", resource_metadata=\"{url}\""),
            None => format!("Bearer realm=\"{realm}\""),
        }
    }
}

/// The challenge of a refusal; `None` if it has none. The realm was checked when the configuration
/// was built, scopes when the requirement was written, and every description is a fixed text, so
/// nothing from a request gets here.
pub(super) fn bearer(rejection: &Rejection, space: &ProtectionSpace) -> Option<String> {
    let realm = space.challenge();
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
