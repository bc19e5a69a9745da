//! The answers of Caracal's middleware, for clients that rely on its codes.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    reason::{InvalidToken, Rejection},
    render::{RefusalBody, Renderer, hint, to_json},
};
use crate::{
    reply::Reply,
    request::RequestHead,
    requirement::{Missing, MissingMandate},
    token::TokenError,
};

/// `{"error": …, "error_description": …, "error_hint": …}` with the codes and descriptions of
/// Caracal, byte for byte; the hints are fauth's own. The default of services that accept mandates.
///
/// | code | status | refused |
/// |---|---|---|
/// | `missing_token` | 401 | no credential |
/// | `invalid_token` | 401 | a mandate that does not verify, or is for another use |
/// | `invalid_zone` | 401 | a mandate of another zone |
/// | `session_revoked` | 401 | a mandate whose authority was revoked |
/// | `delegation_stale` | 401 | a mandate issued before delegations changed |
/// | `insufficient_scope` | 403 | a mandate without a required scope or target |
/// | `session_required` | 403 | a mandate without an agent session |
/// | `delegation_required` | 403 | a mandate that was not delegated, or does not name its epoch |
/// | `chain_mismatch` | 403 | a mandate whose chain lacks a required application |
/// | `hop_count_exceeded` | 403 | a mandate with too many hops |
///
/// Every other refusal (400, 429, 500, 503, a missing role) has the same three members with its own
/// [code](Rejection::code). Unlike Caracal's, the answers have `WWW-Authenticate`.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MandateJson;

impl MandateJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for MandateJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let Words { code, description, hint } = Words::of(rejection);
        let members = [("error", code), ("error_description", &*description), ("error_hint", hint)];
        Reply::new(rejection.status()).body("application/json", object(&members))
    }

    fn reads_headers(&self) -> bool {
        false
    }

    fn describe(&self) -> Option<RefusalBody> {
        Some(RefusalBody::of_members(
            "MandateError",
            "application/json",
            "A refused request, as Caracal answers it.",
            &[
                ("error", "string", "A stable code for programs."),
                ("error_description", "string", "A text for people."),
                ("error_hint", "string", "What the caller can do."),
            ],
        ))
    }
}

struct Words {
    code: &'static str,
    description: Cow<'static, str>,
    hint: &'static str,
}

impl Words {
    fn new(code: &'static str, description: impl Into<Cow<'static, str>>, hint: &'static str) -> Self {
        Self { code, description: description.into(), hint }
    }

    fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::MissingCredential => {
                let hint = "Send the mandate as `Authorization: Bearer <mandate>`";
                Self::new("missing_token", "Missing bearer token", hint)
            }
            Rejection::InvalidToken(reason) => Self::of_invalid(reason),
            Rejection::Forbidden(Missing::Scopes(scopes)) => {
                let first = scopes.first().map_or("", |scope| &**scope);
                let hint = "Exchange for a mandate with every scope that this route requires";
                let description = format!("scope_insufficient: Missing required scope: {first}");
                Self::new("insufficient_scope", description, hint)
            }
            Rejection::Forbidden(Missing::Mandate(missing)) => Self::of_missing(missing),
            other => Self::new(other.code(), other.detail(), hint(other)),
        }
    }

    fn of_invalid(reason: &InvalidToken) -> Self {
        match reason {
            InvalidToken::Token(TokenError::WrongZone) => {
                let hint = "The mandate belongs to another zone: exchange in the zone of this service";
                Self::new("invalid_zone", "Token zone validation failed", hint)
            }
            InvalidToken::MandateRevoked => {
                let hint =
                    "The authority of the mandate was revoked: start a new session, and exchange again";
                Self::new("session_revoked", "Session revoked", hint)
            }
            InvalidToken::DelegationStale => {
                let hint = "Delegations have changed since the mandate was issued: exchange again";
                Self::new("delegation_stale", "Delegation graph changed", hint)
            }
            _ => {
                let hint = "Check issuer, audience, signature, times, use and claims of the mandate";
                Self::new("invalid_token", "Token validation failed", hint)
            }
        }
    }

    fn of_missing(missing: &MissingMandate) -> Self {
        match missing {
            MissingMandate::Target(target) => {
                let hint = "Exchange for a mandate with every target that this route requires";
                let description = format!("scope_insufficient: Missing required target: {target}");
                Self::new("insufficient_scope", description, hint)
            }
            MissingMandate::AgentSession => {
                let hint = "This route requires an agent session: start one, and exchange in it";
                Self::new("session_required", "Session required", hint)
            }
            MissingMandate::Delegation => {
                let hint = "Direct authority is not enough here: act through a delegation that the \
                            mandate names with its epoch";
                Self::new("delegation_required", "Delegation required", hint)
            }
            MissingMandate::ChainApplication(application) => {
                let hint = "Compare the delegation chain of the mandate with the applications that this route requires";
                let description =
                    format!("chain_mismatch: Delegation chain missing application: {application}");
                Self::new("chain_mismatch", description, hint)
            }
            MissingMandate::TooManyHops(_) => {
                let hint =
                    "The mandate has too many hops: shorten the chain, or raise the limit of the service";
                Self::new("hop_count_exceeded", "hop_count_exceeded: Hop count exceeded", hint)
            }
        }
    }
}

/// The JSON as Python writes it: a space after each comma and colon, ASCII only.
fn object(members: &[(&str, &str)]) -> String {
    let mut json = String::with_capacity(256);
    for (name, value) in members {
        json.push_str(if json.is_empty() { "{" } else { ", " });
        push_text(&mut json, name);
        json.push_str(": ");
        push_text(&mut json, value);
    }
    json.push('}');
    json
}

fn push_text(json: &mut String, text: &str) {
    let quoted = String::from_utf8(to_json(&text)).unwrap_or_default();
    for character in quoted.chars() {
        if matches!(character, ' '..='~') {
            json.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
