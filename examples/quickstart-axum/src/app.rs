//! The routes, and who may enter them.

use axum::{Json, Router, routing::get};
use fauth_axum::{CurrentUser, MaybeUser, SecureRouter, auth_routes, require_permissions};
use fauth_core::AuthProvider;
use serde_json::{Value, json};

use crate::users::User;

/// All routes of the service.
pub fn routes(auth: &AuthProvider<User>) -> Router {
    // Everything under /admin is for admins, everything under /internal for users who are logged
    // in, whether there is a route or not.
    let admins = SecureRouter::new(auth).require_roles(["admin"]).route("/", get(admin));
    let internal =
        SecureRouter::new(auth).route("/dashboard", get(dashboard)).route("/settings", get(settings));

    Router::new()
        .route("/", get(home))
        .merge(auth_routes(auth)) // login, refresh, logout, sessions
        .route("/me", get(me))
        .route("/whoami", get(whoami))
        .nest_service("/admin", admins)
        // A layer covers the methods before it: it comes last.
        .route("/reports", get(reports).layer(require_permissions(auth, ["write"])))
        .nest_service("/internal", internal)
        .with_state(auth.clone())
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
