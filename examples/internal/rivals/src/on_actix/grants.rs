//! actix-web-grants 4.1: roles from an extractor function, checked by a macro on the handler.

use std::collections::HashSet;

use actix_web::{
    Error,
    dev::ServiceRequest,
    error::ErrorInternalServerError,
    web::{Data, ServiceConfig, get, resource},
};
use actix_web_grants::{GrantsMiddleware, protect};

use super::applications::{WELCOME, authorization, error};
use crate::hand::Jwt;

pub(super) fn app(config: &mut ServiceConfig) {
    let route = resource("/").route(get().to(greet)).wrap(GrantsMiddleware::with_extractor(roles));
    config.app_data(Data::new(Jwt::new())).service(route);
}

async fn roles(request: &ServiceRequest) -> Result<HashSet<String>, Error> {
    let jwt = request.app_data::<Data<Jwt>>().ok_or_else(|| ErrorInternalServerError("no key"))?;
    let claims = jwt.bearer(authorization(request.headers())).map_err(error)?;
    Ok(claims.roles.into_iter().collect())
}

#[protect("admin")]
async fn greet() -> &'static str {
    WELCOME
}
