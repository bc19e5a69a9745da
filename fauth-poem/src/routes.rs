//! The ready-made endpoints, mounted.

use fauth_core::{
    AuthProvider, AuthUser,
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};
use poem::{Body, Request, Response, Route, endpoint::make, error::ReadBodyError};

use crate::{head::Head, respond::respond};

/// A route with the ready-made endpoints: login, refresh, logout, sessions; see [`fauth_core::routes`] for what they read and answer.
///
/// The routes of poem cannot be merged, so the application goes on from this one: `auth_routes(&auth).at("/me", get(me))`.
#[must_use]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> Route {
    Endpoint::of(auth).fold(Route::new(), |route, endpoint| {
        let auth = auth.clone();
        // poem writes `:name` for what others write `{name}`.
        let path = endpoint.path().replace('{', ":").replace('}', "");
        route.at(path, make(move |request| answer(auth.clone(), endpoint, request)))
    })
}

async fn answer<U: AuthUser>(auth: AuthProvider<U>, endpoint: Endpoint, mut request: Request) -> Response {
    let body = collect(request.take_body()).await;
    let call = endpoint.read(&auth, &Head::from(&request), body.as_deref().map_err(|error| *error));
    match call.answer(&auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(auth.refuse(&rejection, &Head::from(&request))),
    }
}

async fn collect(body: Body) -> Result<Vec<u8>, BodyError> {
    match body.into_bytes_limit(MAX_BODY_BYTES).await {
        Ok(collected) => Ok(collected.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Incomplete),
    }
}
