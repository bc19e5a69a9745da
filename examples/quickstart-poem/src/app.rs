//! The routes and their guards.

use fauth_core::AuthProvider;
use fauth_poem::{
    AuditedRoute, CurrentUser, MaybeUser, SecureRoute, require_permissions, require_user, visitor,
};
use poem::{get, handler, web::Json};
use serde_json::{Value, json};

use crate::{session, users::User};

/// Returns all routes of the service.
#[must_use]
pub fn routes(auth: &AuthProvider<User>) -> AuditedRoute {
    // Everything under /admin is for admins, everything under /internal for logged-in users,
    // whether a route exists or not.
    let admins = SecureRoute::new(auth).require_roles(["admin"]).at("/", get(admin));
    let internal = SecureRoute::new(auth).at("/dashboard", get(dashboard)).at("/settings", get(settings));

    // This route records its routes: `tests/audit.rs` finds a route that lacks a guard.
    AuditedRoute::new()
        .at("/", get(home))
        .auth_routes(auth) // login, refresh, logout, sessions
        .guarded("/me", require_user(auth), get(me))
        .guarded("/whoami", visitor(auth), get(whoami))
        .nest("/admin", admins)
        .guarded("/reports", require_permissions(auth, ["write"]), get(reports))
        .nest("/internal", internal)
        .nest("/session", session::routes(auth))
        .data(auth.clone())
}

#[handler]
fn home() -> &'static str {
    "Welcome. Log in at POST /login.\n"
}

/// The guard has already loaded the user, so this costs nothing.
#[handler]
fn me(CurrentUser(user): CurrentUser<User>) -> Json<Value> {
    Json(json!({ "message": format!("Hello {}", user.name) }))
}

/// For everybody; an invalid token is refused.
#[handler]
fn whoami(MaybeUser(user): MaybeUser<User>) -> Json<Value> {
    Json(json!({ "user": user.map(|user| user.name) }))
}

#[handler]
fn admin() -> Json<Value> {
    Json(json!({ "secret_data": "Top secret admin info" }))
}

#[handler]
fn reports() -> Json<Value> {
    Json(json!({ "reports": ["2026-10", "2026-11"] }))
}

#[handler]
fn dashboard() -> Json<Value> {
    Json(json!({ "data": "Secure dashboard" }))
}

#[handler]
fn settings() -> Json<Value> {
    Json(json!({ "theme": "dark" }))
}
