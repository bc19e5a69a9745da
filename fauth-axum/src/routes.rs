//! The ready-made endpoints, mounted.

use std::{error::Error, iter};

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use fauth_core::{
    AuthProvider, AuthUser,
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{head::Head, respond::respond};

/// A router with the ready-made endpoints: login, refresh, logout, sessions; see [`fauth_core::routes`] for what they read and answer.
pub fn auth_routes<U, S>(auth: &AuthProvider<U>) -> Router<S>
where
    U: AuthUser,
    S: Clone + Send + Sync + 'static,
{
    Endpoint::of(auth).fold(Router::new(), |router, endpoint| {
        let auth = auth.clone();
        router.route(endpoint.path(), any(move |request: Request| answer(auth, endpoint, request)))
    })
}

async fn answer<U: AuthUser>(auth: AuthProvider<U>, endpoint: Endpoint, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = collect(body).await;
    let call = endpoint.read(&auth, &Head::from(&parts), body.as_deref().map_err(|error| *error));
    match call.answer(&auth).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(auth.refuse(&rejection, &Head::from(&parts))),
    }
}

async fn collect(body: Body) -> Result<Vec<u8>, BodyError> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if is_too_large(&*error) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Incomplete),
    }
}

/// Is it our limit, or a lower one that a layer further out has set? That one's error comes wrapped.
fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<LengthLimitError>)
}
