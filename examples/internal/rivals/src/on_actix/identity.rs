//! actix-identity 0.9 over actix-session 0.11 with its store in the cookie: no token, no roles, a
//! session that the cookie holds encrypted.

use actix_http::Request;
use actix_identity::{Identity, IdentityMiddleware};
use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    cookie::Key,
    dev::Service as _,
    http::{
        Uri,
        header::{self, HeaderValue},
    },
    web::{ServiceConfig, get, scope},
};

use super::applications::WELCOME;
use crate::{Result, in_process::now, token::SUBJECT};

/// The application, and the cookie of somebody who has logged in.
pub(super) fn app() -> Result<(impl FnOnce(&mut ServiceConfig), HeaderValue)> {
    let key = Key::generate();
    let service = super::service(Box::new(configure(key.clone())));
    let mut request = Request::new();
    *request.uri_mut() = Uri::from_static("/login");
    let response = now(service.call(request)).map_err(|error| error.to_string())?;
    let cookie = response.headers().get(header::SET_COOKIE).ok_or("the login sets no cookie")?;
    let pair = HeaderValue::from_str(cookie.to_str()?.split(';').next().unwrap_or_default())?;
    Ok((configure(key), pair))
}

fn configure(key: Key) -> impl FnOnce(&mut ServiceConfig) {
    |config| {
        let group = scope("")
            .route("/", get().to(async |_: Identity| WELCOME))
            .route("/login", get().to(log_in))
            .wrap(IdentityMiddleware::default())
            .wrap(SessionMiddleware::new(CookieSessionStore::default(), key));
        config.service(group);
    }
}

async fn log_in(request: HttpRequest) -> HttpResponse {
    match Identity::login(&request.extensions(), SUBJECT.to_owned()) {
        Ok(_) => HttpResponse::Ok().finish(),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
