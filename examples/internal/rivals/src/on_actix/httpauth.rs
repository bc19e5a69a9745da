//! actix-web-httpauth 0.8: finds the bearer token and has a function of the application's own judge
//! it.

use actix_web::{
    Error, HttpMessage as _,
    dev::ServiceRequest,
    error::ErrorInternalServerError,
    web::{Data, ReqData, ServiceConfig, get, resource},
};
use actix_web_httpauth::{extractors::bearer::BearerAuth, middleware::HttpAuthentication};

use super::applications::{WELCOME, error};
use crate::{
    hand::{Jwt, Refused},
    token::{Claims, ROLE},
};

pub(super) fn app(config: &mut ServiceConfig) {
    let route = resource("/").route(get().to(async |_: ReqData<Claims>| WELCOME));
    config.app_data(Data::new(Jwt::new())).service(route.wrap(HttpAuthentication::bearer(validate)));
}

async fn validate(
    request: ServiceRequest,
    credentials: BearerAuth,
) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    let Some(jwt) = request.app_data::<Data<Jwt>>() else {
        return Err((ErrorInternalServerError("no key"), request));
    };
    match jwt.claims(credentials.token()) {
        Some(claims) if claims.roles.iter().any(|role| role == ROLE) => {
            request.extensions_mut().insert(claims);
            Ok(request)
        }
        Some(_) => Err((error(Refused::Forbidden), request)),
        None => Err((error(Refused::Unauthorized), request)),
    }
}
