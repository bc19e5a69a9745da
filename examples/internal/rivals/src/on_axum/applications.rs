//! The open route, the hand-written guard, and fauth's three ways.

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
    routing::get,
};
use fauth_axum::{CurrentUser, SecureRouter, require_roles};
use fauth_core::AuthProvider;

use crate::{
    hand::{Jwt, Refused},
    provider::User,
    token::{Claims, ROLE},
};

/// What every handler answers.
pub(super) const WELCOME: &str = "welcome";

/// Open to everybody.
pub(crate) fn open() -> Router {
    Router::new().route("/", get(async || WELCOME))
}

/// An extractor as a careful developer writes it: key and rules in the state, the role checked.
pub(crate) fn hand_written() -> Router {
    Router::new().route("/", get(async |_: Admin| WELCOME)).with_state(Arc::new(Jwt::new()))
}

struct Admin(#[expect(dead_code, reason = "handed to the handler, which greets everybody alike")] Claims);

impl FromRequestParts<Arc<Jwt>> for Admin {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, jwt: &Arc<Jwt>) -> Result<Self, StatusCode> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        jwt.admin(header).map(Self).map_err(status)
    }
}

pub(super) const fn status(refused: Refused) -> StatusCode {
    match refused {
        Refused::Unauthorized => StatusCode::UNAUTHORIZED,
        Refused::Forbidden => StatusCode::FORBIDDEN,
    }
}

async fn greet(_: CurrentUser<User>) -> &'static str {
    WELCOME
}

/// fauth, in the handler alone. Asks for no role.
pub(super) fn extracted(auth: &AuthProvider<User>) -> Router {
    Router::new().route("/", get(greet)).with_state(auth.clone())
}

/// fauth, in front of the handler. `inside` is the provider that the handler asks.
pub(crate) fn guarded(auth: &AuthProvider<User>, inside: &AuthProvider<User>) -> Router {
    Router::new().route("/", get(greet).layer(require_roles(auth, [ROLE]))).with_state(inside.clone())
}

/// fauth, around the whole application.
pub(super) fn secure(auth: &AuthProvider<User>) -> SecureRouter<User> {
    SecureRouter::new(auth).require_roles([ROLE]).route("/", get(greet))
}
