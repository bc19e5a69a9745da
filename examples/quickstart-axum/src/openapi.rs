//! The routes of `app.rs`, documented with utoipa: `/openapi.json` describes each of them and what
//! its guard requires. They replace the others with the feature `openapi`.
#![expect(clippy::exhaustive_structs, reason = "utoipa makes one for each handler")]

use axum::{Json, Router, routing::get};
use fauth_axum::{
    AuthRoutes, CurrentUser, MaybeUser, SecureRouter,
    openapi::{OpenApiRouterExt as _, RoutesExt as _},
    require_permissions, require_user, swagger_ui, visitor,
};
use fauth_core::AuthProvider;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{session, users::User};

/// Returns all routes of the service.
pub fn routes(auth: &AuthProvider<User>) -> Router {
    // Everything under /admin is for admins, everything under /internal for logged-in users,
    // whether a route exists or not.
    let admins = SecureRouter::new(auth).require_roles(["admin"]).routes(routes!(admin));
    let internal = SecureRouter::new(auth).routes(routes!(dashboard)).routes(routes!(settings));

    let (router, document) = OpenApiRouter::new()
        .routes(routes!(home))
        .merge(AuthRoutes::new(auth).into()) // login, refresh, logout, sessions
        .routes(routes!(me).guard(require_user(auth)))
        .routes(routes!(whoami).guard(visitor(auth)))
        .nest_secure("/admin", admins)
        .routes(routes!(reports).guard(require_permissions(auth, ["write"])))
        .nest_secure("/internal", internal)
        .describe_auth(auth) // last: the schemes and scopes that the operations name
        .with_state(auth.clone())
        .split_for_parts();
    router
        .route("/openapi.json", get(async || Json(document)))
        .nest_service("/docs", swagger_ui("/openapi.json"))
        .nest("/session", session::routes(auth).with_state(auth.clone()).into_router()) // pages, undescribed
}

/// Says hello.
#[utoipa::path(get, path = "/", responses((status = OK, body = str)))]
async fn home() -> &'static str {
    "Welcome. Log in at POST /login.\n"
}

/// Greets the user.
#[utoipa::path(get, path = "/me", responses((status = OK, body = Greeting)))]
async fn me(CurrentUser(user): CurrentUser<User>) -> Json<Greeting> {
    Json(Greeting { message: format!("Hello {}", user.name) })
}

#[derive(Serialize, ToSchema)]
struct Greeting {
    message: String,
}

/// Returns the name of the user, if there is one. For everybody; an invalid token is refused.
#[utoipa::path(get, path = "/whoami", responses((status = OK, body = WhoIsThere)))]
async fn whoami(MaybeUser(user): MaybeUser<User>) -> Json<WhoIsThere> {
    Json(WhoIsThere { user: user.map(|user| user.name.to_owned()) })
}

#[derive(Serialize, ToSchema)]
struct WhoIsThere {
    user: Option<String>,
}

/// What admins know.
#[utoipa::path(get, path = "/", responses((status = OK, body = Secret)))]
async fn admin() -> Json<Secret> {
    Json(Secret { secret_data: "Top secret admin info" })
}

#[derive(Serialize, ToSchema)]
struct Secret {
    secret_data: &'static str,
}

/// All reports.
#[utoipa::path(get, path = "/reports", responses((status = OK, body = ReportList)))]
async fn reports() -> Json<ReportList> {
    Json(ReportList { reports: ["2026-10", "2026-11"] })
}

#[derive(Serialize, ToSchema)]
struct ReportList {
    reports: [&'static str; 2],
}

/// The dashboard.
#[utoipa::path(get, path = "/dashboard", responses((status = OK, body = Dashboard)))]
async fn dashboard() -> Json<Dashboard> {
    Json(Dashboard { data: "Secure dashboard" })
}

#[derive(Serialize, ToSchema)]
struct Dashboard {
    data: &'static str,
}

/// The settings.
#[utoipa::path(get, path = "/settings", responses((status = OK, body = Settings)))]
async fn settings() -> Json<Settings> {
    Json(Settings { theme: "dark" })
}

#[derive(Serialize, ToSchema)]
struct Settings {
    theme: &'static str,
}
