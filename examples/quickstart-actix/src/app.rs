//! The routes, and who may enter them.

use actix_web::web::{Data, Json, get};
use fauth_actix::{
    AuditedScope, CurrentUser, MaybeUser, SecureScope, require_permissions, require_user, visitor,
};
use fauth_core::AuthProvider;
use serde_json::{Value, json};

use crate::{session, users::User};

/// All routes of the service.
pub fn routes(auth: &AuthProvider<User>) -> AuditedScope {
    // Everything under /admin is for admins, everything under /internal for users who are logged
    // in, whether there is a route or not.
    let admins = SecureScope::new("/admin", auth)
        .require_roles(["admin"])
        .resource("", get().to(admin))
        .resource("/", get().to(admin));
    let internal = SecureScope::new("/internal", auth)
        .resource("/dashboard", get().to(dashboard))
        .resource("/settings", get().to(settings));

    // This scope knows its routes: `tests/audit.rs` finds the one whose guard was forgotten.
    AuditedScope::new("")
        .app_data(Data::new(auth.clone()))
        .resource("/", get().to(home))
        .auth_routes(auth) // login, refresh, logout, sessions
        .guarded("/me", require_user(auth), get().to(me))
        .guarded("/whoami", visitor(auth), get().to(whoami))
        .service(admins)
        .guarded("/reports", require_permissions(auth, ["write"]), get().to(reports))
        .service(internal)
        .service(session::routes(auth))
}

async fn home() -> &'static str {
    "Welcome. Log in at POST /login.\n"
}

/// What its guard has found out costs nothing more here.
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
