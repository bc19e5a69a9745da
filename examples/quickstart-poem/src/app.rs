//! The routes, and who may enter them.

use fauth_core::AuthProvider;
use fauth_poem::{CurrentUser, MaybeUser, SecureRoute, auth_routes, require_permissions};
use poem::{Endpoint, EndpointExt as _, get, handler, web::Json};
use serde_json::{Value, json};

use crate::users::User;

/// All routes of the service.
#[must_use]
pub fn routes(auth: &AuthProvider<User>) -> impl Endpoint + use<> {
    // Everything under /admin is for admins, everything under /internal for users who are logged
    // in, whether there is a route or not.
    let admins = SecureRoute::new(auth).require_roles(["admin"]).at("/", get(admin));
    let internal = SecureRoute::new(auth).at("/dashboard", get(dashboard)).at("/settings", get(settings));

    auth_routes(auth) // login, refresh, logout, sessions
        .at("/", get(home))
        .at("/me", get(me))
        .at("/whoami", get(whoami))
        .nest("/admin", admins)
        .at("/reports", get(reports).with(require_permissions(auth, ["write"])))
        .nest("/internal", internal)
        .data(auth.clone())
}

#[handler]
fn home() -> &'static str {
    "Welcome. Log in at POST /login.\n"
}

/// Asking for a user guards a route by itself.
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
