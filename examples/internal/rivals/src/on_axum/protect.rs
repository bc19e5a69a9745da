//! protect-axum 0.2: roles from an extractor function, checked by a macro on the handler.

use std::{collections::HashSet, sync::OnceLock};

use axum::{
    Router,
    extract::Request,
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};
use protect_axum::{GrantsLayer, protect};

use super::applications::{WELCOME, status};
use crate::hand::Jwt;

/// The extractor is a plain function, so that its key has to lie somewhere.
static JWT: OnceLock<Jwt> = OnceLock::new();

pub(super) fn app() -> Router {
    JWT.get_or_init(Jwt::new);
    Router::new().route("/", get(greet)).layer(GrantsLayer::with_extractor(roles))
}

async fn roles(request: &mut Request) -> Result<HashSet<String>, Response> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claims =
        JWT.get_or_init(Jwt::new).bearer(header).map_err(|refused| status(refused).into_response())?;
    Ok(claims.roles.into_iter().collect())
}

#[protect("admin")]
async fn greet() -> &'static str {
    WELCOME
}
