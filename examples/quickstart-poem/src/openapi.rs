//! The routes of `app.rs` as APIs of poem-openapi: `/openapi.json` describes each of them and what
//! its guard requires. They replace the others with the feature `openapi`.
#![expect(clippy::unused_async, reason = "poem-openapi takes no other operations")]

use fauth_core::AuthProvider;
use fauth_poem::{
    AuthRoutes, CurrentUser, MaybeUser,
    openapi::{ApiRoute, SecureApi},
    swagger_ui,
};
use poem::{Endpoint, endpoint::make_sync, web};
use poem_openapi::{
    Object, OpenApi,
    payload::{Json, PlainText},
};

use crate::{session, users::User};

/// Returns all routes of the service.
#[must_use]
pub fn routes(auth: &AuthProvider<User>) -> impl Endpoint + use<> {
    let (route, document) = ApiRoute::new("Quickstart", env!("CARGO_PKG_VERSION"))
        .auth_routes(AuthRoutes::new(auth)) // login, refresh, logout, sessions
        .api(Public)
        .api(SecureApi::new(auth, Own))
        .api(SecureApi::visitor(auth, Visitors))
        .api(SecureApi::new(auth, Reports).require_permissions(["write"]))
        // Everything under /admin is for admins, everything under /internal for logged-in users,
        // whether a route exists or not.
        .nest("/admin", SecureApi::new(auth, Admin).require_roles(["admin"]))
        .nest("/internal", SecureApi::new(auth, Internal))
        .into_parts();
    route
        .at("/openapi.json", make_sync(move |_| web::Json(document.clone())))
        .nest("/docs", swagger_ui("/openapi.json"))
        .nest("/session", session::routes(auth).data(auth.clone())) // pages, undescribed
}

struct Public;

#[OpenApi]
impl Public {
    /// Says hello.
    #[oai(path = "/", method = "get")]
    async fn home(&self) -> PlainText<&'static str> {
        PlainText("Welcome. Log in at POST /login.\n")
    }
}

struct Own;

#[OpenApi]
impl Own {
    /// Greets the user.
    #[oai(path = "/me", method = "get")]
    async fn me(&self, CurrentUser(user): CurrentUser<User>) -> Json<Greeting> {
        Json(Greeting { message: format!("Hello {}", user.name) })
    }
}

#[derive(Object)]
struct Greeting {
    message: String,
}

struct Visitors;

#[OpenApi]
impl Visitors {
    /// Returns the name of the user, if there is one. For everybody; an invalid token is refused.
    #[oai(path = "/whoami", method = "get")]
    async fn whoami(&self, MaybeUser(user): MaybeUser<User>) -> Json<WhoIsThere> {
        Json(WhoIsThere { user: user.map(|user| user.name.to_owned()) })
    }
}

#[derive(Object)]
struct WhoIsThere {
    user: Option<String>,
}

struct Admin;

#[OpenApi]
impl Admin {
    /// What admins know.
    #[oai(path = "/", method = "get")]
    async fn admin(&self) -> Json<Secret> {
        Json(Secret { secret_data: "Top secret admin info".to_owned() })
    }
}

#[derive(Object)]
struct Secret {
    secret_data: String,
}

struct Reports;

#[OpenApi]
impl Reports {
    /// All reports.
    #[oai(path = "/reports", method = "get")]
    async fn reports(&self) -> Json<ReportList> {
        Json(ReportList { reports: vec!["2026-10".to_owned(), "2026-11".to_owned()] })
    }
}

#[derive(Object)]
struct ReportList {
    reports: Vec<String>,
}

struct Internal;

#[OpenApi]
impl Internal {
    /// The dashboard.
    #[oai(path = "/dashboard", method = "get")]
    async fn dashboard(&self) -> Json<Dashboard> {
        Json(Dashboard { data: "Secure dashboard".to_owned() })
    }

    /// The settings.
    #[oai(path = "/settings", method = "get")]
    async fn settings(&self) -> Json<Settings> {
        Json(Settings { theme: "dark".to_owned() })
    }
}

#[derive(Object)]
struct Dashboard {
    data: String,
}

#[derive(Object)]
struct Settings {
    theme: String,
}
