//! actix-jwt-auth-middleware 0.5, which brings its own tokens (jwt-compact 0.8). It looks at the
//! expiry; issuer, audience and role are left to the handler.

use actix_jwt_auth_middleware::{AuthenticationService, Authority, FromRequest};
use actix_web::{
    HttpResponse,
    web::{ServiceConfig, get, resource},
};
use jwt_compact::{
    TimeOptions,
    alg::{Hs256, Hs256Key},
};
use serde::{Deserialize, Serialize};

use super::applications::WELCOME;
use crate::token::{AUDIENCE, ISSUER, ROLE, SECRET};

/// The header that the token is read from.
pub(super) const HEADER: &str = "access_token";

/// All but the times, which the crate takes out itself.
#[derive(Debug, Clone, Serialize, Deserialize, FromRequest)]
struct Custom {
    sub: String,
    jti: String,
    iss: String,
    aud: String,
    token_type: String,
    roles: Vec<String>,
    scopes: Vec<String>,
}

pub(super) fn app(config: &mut ServiceConfig) {
    let authority = Authority::<Custom, Hs256, _, ()>::new()
        .refresh_authorizer(async || Ok(()))
        .algorithm(Hs256)
        .time_options(TimeOptions::default())
        .token_signer(None)
        .access_token_name(HEADER)
        .enable_header_tokens(true)
        .enable_cookie_tokens(false)
        .renew_access_token_automatically(false)
        .verifying_key(Hs256Key::from(SECRET.as_bytes()))
        .build();
    // Without it there is no route, and the check of the answers says so.
    if let Ok(authority) = authority {
        let route = resource("/").route(get().to(greet)).wrap(AuthenticationService::new(authority));
        config.service(route);
    }
}

async fn greet(claims: Custom) -> HttpResponse {
    if claims.iss == ISSUER && claims.aud == AUDIENCE && claims.roles.iter().any(|role| role == ROLE) {
        HttpResponse::Ok().body(WELCOME)
    } else {
        HttpResponse::Forbidden().finish()
    }
}
