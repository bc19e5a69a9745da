//! The way of most tutorials: a middleware function that puts the claims into the extensions.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};

use super::applications::{WELCOME, status};
use crate::{hand::Jwt, token::Claims};

pub(super) fn app() -> Router {
    let layer = from_fn_with_state(Arc::new(Jwt::new()), authenticate);
    Router::new().route("/", get(async |_: Extension<Claims>| WELCOME).layer(layer))
}

async fn authenticate(
    State(jwt): State<Arc<Jwt>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claims = jwt.admin(header).map_err(status)?;
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}
