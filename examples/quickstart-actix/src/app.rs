//! The routes, and who may enter them.

use actix_web::web::{Data, Json, ServiceConfig, get, resource};
use fauth_actix::{CurrentUser, MaybeUser, SecureScope, auth_routes, require_permissions};
use fauth_core::AuthProvider;
use serde_json::{Value, json};

use crate::users::User;

/// All routes of the service.
pub fn routes(auth: &AuthProvider<User>, config: &mut ServiceConfig) {
    // Everything under /admin is for admins, everything under /internal for users who are logged
    // in, whether there is a route or not.
    let admins = SecureScope::new("/admin", auth)
        .require_roles(["admin"])
        .service(resource(["", "/"]).route(get().to(admin)));
    let internal = SecureScope::new("/internal", auth)
        .service(resource("/dashboard").route(get().to(dashboard)))
        .service(resource("/settings").route(get().to(settings)));

    config
        .app_data(Data::new(auth.clone()))
        .service(resource("/").route(get().to(home)))
        .service(auth_routes(auth)) // login, refresh, logout, sessions
        .service(resource("/me").route(get().to(me)))
        .service(resource("/whoami").route(get().to(whoami)))
        .service(admins)
        .service(resource("/reports").route(get().to(reports)).wrap(require_permissions(auth, ["write"])))
        .service(internal);
}

async fn home() -> &'static str {
    "Welcome. Log in at POST /login.\n"
}

/// Asking for a user guards a route by itself.
async fn me(CurrentUser(user): CurrentUser<User>) -> Json<Value> {
    Json(json!({ "message": format!("Hello {}", user.name) }))
}

/// For everybody; who sends a token must send a good one.
async fn whoami(MaybeUser(user): MaybeUser<User>) -> Json<Value> {
    Json(json!({ "user": user.map(|user| user.name) }))
}

async fn admin() -> Json<Value> {
    Json(json!({ "secret_data": "Top secret admin info" }))
}

async fn reports() -> Json<Value> {
    Json(json!({ "reports": ["2026-10", "2026-11"] }))
}

async fn dashboard() -> Json<Value> {
    Json(json!({ "data": "Secure dashboard" }))
}

async fn settings() -> Json<Value> {
    Json(json!({ "theme": "dark" }))
}
