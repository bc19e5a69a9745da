//! The ready-made endpoints, mounted.

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    dev::HttpServiceFactory,
    web::{self, Bytes, Payload},
};
use fauth_core::{
    AuthProvider, AuthUser,
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};

use crate::{head::Head, respond::respond};

/// The ready-made endpoints (login, refresh, logout, sessions), for the `service` of an application or a scope; see [`fauth_core::routes`] for what they read and answer.
#[must_use]
pub fn auth_routes<U: AuthUser>(auth: &AuthProvider<U>) -> impl HttpServiceFactory + use<U> {
    // Each a resource of its own: a scope around them would swallow all other paths under its prefix.
    Endpoint::of(auth).map(|endpoint| mount(auth.clone(), endpoint)).collect::<Vec<_>>()
}

fn mount<U: AuthUser>(auth: AuthProvider<U>, endpoint: Endpoint) -> Resource {
    web::resource(endpoint.path())
        .to(move |request: HttpRequest, body: Payload| answer(auth.clone(), endpoint, request, body))
}

async fn answer<U: AuthUser>(
    auth: AuthProvider<U>,
    endpoint: Endpoint,
    request: HttpRequest,
    body: Payload,
) -> HttpResponse {
    let body = collect(body).await;
    let call = endpoint.read(&auth, &Head::from(&request), body.as_deref().map_err(|error| *error));
    match call.answer(&auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(auth.refuse(&rejection, &Head::from(&request))),
    }
}

async fn collect(body: Payload) -> Result<Bytes, BodyError> {
    match body.to_bytes_limited(MAX_BODY_BYTES).await {
        Ok(Ok(collected)) => Ok(collected),
        Ok(Err(_)) => Err(BodyError::Incomplete),
        Err(_) => Err(BodyError::TooLarge),
    }
}
