//! The routes, and who may enter them.

use fauth_core::AuthProvider;
use fauth_poem::{
    AuditedRoute, CurrentUser, MaybeUser, SecureRoute, require_permissions, require_user, visitor,
};
use poem::{get, handler, web::Json};
use serde_json::{Value, json};

use crate::{session, users::User};

/// All routes of the service.
#[must_use]
pub fn routes(auth: &AuthProvider<User>) -> AuditedRoute {
    // Everything under /admin is for admins, everything under /internal for users who are logged
    // in, whether there is a route or not.
    let admins = SecureRoute::new(auth).require_roles(["admin"]).at("/", get(admin));
    let internal = SecureRoute::new(auth).at("/dashboard", get(dashboard)).at("/settings", get(settings));

    // This route knows its routes: `tests/audit.rs` finds the one whose guard was forgotten.
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

/// What its guard has found out costs nothing more here.
#[handler]
fn me(CurrentUser(user): CurrentUser<User>) -> Json<Value> {
    Json(json!({ "message": format!("Hello {}", user.name) }))
}

/// For everybody; who sends a token must send a good one.
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
