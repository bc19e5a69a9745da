//! The open route, the hand-written guard, and fauth's three ways.

use std::sync::Arc;

use fauth_core::AuthProvider;
use fauth_poem::{CurrentUser, SecureRoute, require_roles};
use poem::{
    EndpointExt as _, Error, FromRequest, IntoEndpoint as _, Request, RequestBody, Result, Route, get,
    handler,
    http::{StatusCode, header},
};

use super::App;
use crate::{
    hand::{Jwt, Refused},
    provider::User,
    token::{Claims, ROLE},
};

/// What every handler answers.
pub(super) const WELCOME: &str = "welcome";

#[handler]
fn greet_anybody() -> &'static str {
    WELCOME
}

/// Open to everybody.
pub(crate) fn open() -> App {
    Route::new().at("/", get(greet_anybody)).map_to_response().boxed()
}

/// An extractor as a careful developer writes it: key and rules in the application's data, the role
/// checked.
pub(crate) fn hand_written() -> App {
    Route::new().at("/", get(greet_admin)).data(Arc::new(Jwt::new())).map_to_response().boxed()
}

#[handler]
fn greet_admin(_admin: Admin) -> &'static str {
    WELCOME
}

struct Admin(#[expect(dead_code, reason = "handed to the handler, which greets everybody alike")] Claims);

impl<'a> FromRequest<'a> for Admin {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let no_key = || Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
        let jwt = request.data::<Arc<Jwt>>().ok_or_else(no_key)?;
        jwt.admin(authorization(request)).map(Self).map_err(error)
    }
}

pub(super) fn authorization(request: &Request) -> Option<&str> {
    request.headers().get(header::AUTHORIZATION)?.to_str().ok()
}

pub(super) fn error(refused: Refused) -> Error {
    Error::from_status(match refused {
        Refused::Unauthorized => StatusCode::UNAUTHORIZED,
        Refused::Forbidden => StatusCode::FORBIDDEN,
    })
}

#[handler]
fn greet(_user: CurrentUser<User>) -> &'static str {
    WELCOME
}

/// fauth, in the handler alone. Asks for no role.
pub(super) fn extracted(auth: &AuthProvider<User>) -> App {
    Route::new().at("/", get(greet)).data(auth.clone()).map_to_response().boxed()
}

/// fauth, in front of the handler. `inside` is the provider that the handler asks, if not that of
/// the guard.
pub(crate) fn guarded(auth: &AuthProvider<User>, inside: Option<&AuthProvider<User>>) -> App {
    let route = Route::new().at("/", get(greet).with(require_roles(auth, [ROLE])));
    match inside {
        Some(inside) => route.data(inside.clone()).map_to_response().boxed(),
        None => route.map_to_response().boxed(),
    }
}

/// fauth, around the whole application.
pub(super) fn secure(auth: &AuthProvider<User>) -> App {
    let route = SecureRoute::new(auth).require_roles([ROLE]).at("/", get(greet));
    route.into_endpoint().map_to_response().boxed()
}
