//! The open route, the hand-written guard, and fauth's three ways.

use std::future::{Ready, ready};

use actix_web::{
    Error, FromRequest, HttpRequest,
    dev::Payload,
    error::{ErrorForbidden, ErrorInternalServerError, ErrorUnauthorized},
    http::header::{self, HeaderMap},
    web::{Data, ServiceConfig, get, resource},
};
use fauth_actix::{CurrentUser, SecureScope, require_roles};
use fauth_core::AuthProvider;

use crate::{
    hand::{Jwt, Refused},
    provider::User,
    token::{Claims, ROLE},
};

/// What every handler answers.
pub(super) const WELCOME: &str = "welcome";

/// Open to everybody.
pub(crate) fn open(config: &mut ServiceConfig) {
    config.service(resource("/").route(get().to(async || WELCOME)));
}

/// An extractor as a careful developer writes it: key and rules in the application's data, the role
/// checked.
pub(crate) fn hand_written(config: &mut ServiceConfig) {
    let route = resource("/").route(get().to(async |_: Admin| WELCOME));
    config.app_data(Data::new(Jwt::new())).service(route);
}

struct Admin(#[expect(dead_code, reason = "handed to the handler, which greets everybody alike")] Claims);

impl FromRequest for Admin {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(jwt) = request.app_data::<Data<Jwt>>() else {
            return ready(Err(ErrorInternalServerError("no key")));
        };
        ready(jwt.admin(authorization(request.headers())).map(Self).map_err(error))
    }
}

pub(super) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

pub(super) fn error(refused: Refused) -> Error {
    match refused {
        Refused::Unauthorized => ErrorUnauthorized("no good token"),
        Refused::Forbidden => ErrorForbidden("not for you"),
    }
}

async fn greet(_: CurrentUser<User>) -> &'static str {
    WELCOME
}

/// fauth, in the handler alone. Asks for no role.
pub(super) fn extracted(auth: &AuthProvider<User>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let auth = auth.clone();
    |config| {
        config.app_data(Data::new(auth)).service(resource("/").route(get().to(greet)));
    }
}

/// fauth, in front of the handler. `inside` is the provider that the handler asks, if not that of
/// the guard.
pub(crate) fn guarded(
    auth: &AuthProvider<User>,
    inside: Option<&AuthProvider<User>>,
) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (guard, inside) = (require_roles(auth, [ROLE]), inside.cloned());
    |config| {
        if let Some(inside) = inside {
            config.app_data(Data::new(inside));
        }
        config.service(resource("/").route(get().to(greet)).wrap(guard));
    }
}

/// fauth, around the whole application.
pub(super) fn secure(auth: &AuthProvider<User>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let scope = SecureScope::new("", auth).require_roles([ROLE]).route("/", get().to(greet));
    |config| {
        config.service(scope);
    }
}
