//! poem-grants 3.0: roles from an extractor function, checked by a macro on the handler.

use std::{collections::HashSet, sync::Arc};

use poem::{EndpointExt as _, Error, Request, Result, Route, get, handler, http::StatusCode};
use poem_grants::{GrantsMiddleware, protect};

use super::{
    App,
    applications::{WELCOME, authorization, error},
};
use crate::hand::Jwt;

pub(super) fn app() -> App {
    let route = Route::new().at("/", get(greet)).with(GrantsMiddleware::with_extractor(roles));
    route.data(Arc::new(Jwt::new())).map_to_response().boxed()
}

async fn roles(request: &Request) -> Result<HashSet<String>> {
    let no_key = || Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
    let jwt = request.data::<Arc<Jwt>>().ok_or_else(no_key)?;
    let claims = jwt.bearer(authorization(request)).map_err(error)?;
    Ok(claims.roles.into_iter().collect())
}

#[protect("admin")]
#[handler]
fn greet() -> &'static str {
    WELCOME
}
