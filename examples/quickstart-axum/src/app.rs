//! The routes and their guards.

use axum::{Json, routing::get};
use fauth_axum::{
    AuditedRouter, CurrentUser, MaybeUser, SecureRouter, require_permissions, require_user, visitor,
};
use fauth_core::AuthProvider;
use serde_json::{Value, json};

use crate::{session, users::User};

/// Returns all routes of the service.
pub fn routes(auth: &AuthProvider<User>) -> AuditedRouter {
    // Everything under /admin is for admins, everything under /internal for logged-in users,
    // whether a route exists or not.
    let admins = SecureRouter::new(auth).require_roles(["admin"]).route("/", get(admin));
    let internal =
        SecureRouter::new(auth).route("/dashboard", get(dashboard)).route("/settings", get(settings));

    // This router records its routes: `tests/audit.rs` finds a route that lacks a guard.
    AuditedRouter::new()
        .route("/", get(home))
        .auth_routes(auth) // login, refresh, logout, sessions
        .guarded("/me", require_user(auth), get(me))
        .guarded("/whoami", visitor(auth), get(whoami))
        .nest_service("/admin", admins)
        .guarded("/reports", require_permissions(auth, ["write"]), get(reports))
        .nest_service("/internal", internal)
        .nest("/session", session::routes(auth))
        .with_state(auth.clone())
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
