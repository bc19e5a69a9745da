//! axum.

use axum::{
    Router,
    routing::{get, post},
};
use fauth_axum::{CurrentUser, SecureRouter, auth_routes, require_scope, require_user};
use fauth_core::AuthProvider;
use fauth_testing::{Axum, TestClient, TestUser};

#[expect(clippy::unused_async, reason = "as with actix-web, whose services take their time to be made")]
async fn app(auth: &AuthProvider<TestUser>) -> impl TestClient<Axum> {
    let admins = SecureRouter::new(auth).require_roles(["admin"]).route("/", get(async || "admin"));
    Router::new()
        .route("/", get(async || "home"))
        .merge(auth_routes(auth))
        .route("/me", get(me))
        .route("/notes", post(async |text: String| text).layer(require_user(auth)))
        .route("/scoped", get(async || "scoped").layer(require_scope(auth, "read")))
        .nest_service("/admin", admins)
        .with_state(auth.clone())
}

async fn me(CurrentUser(user): CurrentUser<TestUser>) -> String {
    user.name.clone()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

cases!();
