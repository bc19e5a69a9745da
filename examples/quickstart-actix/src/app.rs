//! The routes and their guards.

use actix_web::web::{Data, Json, get};
use fauth_actix::{
    AuditedScope, CurrentUser, MaybeUser, SecureScope, require_permissions, require_user, visitor,
};
use fauth_core::AuthProvider;
use serde_json::{Value, json};

use crate::{session, users::User};

/// Returns all routes of the service.
pub fn routes(auth: &AuthProvider<User>) -> AuditedScope {
    // Everything under /admin is for admins, everything under /internal for logged-in users,
    // whether a route exists or not.
    let admins = SecureScope::new("/admin", auth)
        .require_roles(["admin"])
        .resource("", get().to(admin))
        .resource("/", get().to(admin));
    let internal = SecureScope::new("/internal", auth)
        .resource("/dashboard", get().to(dashboard))
        .resource("/settings", get().to(settings));

    // This scope records its routes: `tests/audit.rs` finds a route that lacks a guard.
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

/// The guard has already loaded the user, so this costs nothing.
async fn me(CurrentUser(user): CurrentUser<User>) -> Json<Value> {
    Json(json!({ "message": format!("Hello {}", user.name) }))
}

/// For everybody; an invalid token is refused.
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
