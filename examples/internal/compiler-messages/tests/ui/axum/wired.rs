use std::sync::Arc;

use axum::{Router, routing::get};
use fauth_axum::{CurrentUser, MaybeUser, SecureRouter, auth_routes, require_role, require_roles};
use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
use fauth_testing::{SECRET, TestUser};

async fn me(_: CurrentUser<TestUser>) {}

async fn maybe(_: MaybeUser<TestUser>) {}

fn main() {
    let config = AuthConfig::builder().secret(SECRET).build().unwrap();
    let auth: AuthProvider<TestUser> = AuthProvider::builder(config)
        .user_loader(|_: Arc<TokenPayload>| async { Ok::<_, std::fmt::Error>(None::<TestUser>) })
        .without_password_login()
        .danger_stateless()
        .build()
        .unwrap();
    let _: Router = Router::new()
        .merge(auth_routes(&auth))
        .route("/me", get(me).layer(require_roles(&auth, ["admin"])))
        .route("/maybe", get(maybe))
        .route("/one", get(me).layer(require_role(&auth, "admin")))
        .route("/vector", get(me).layer(require_roles(&auth, vec![String::from("admin")])))
        .route("/slice", get(me).layer(require_roles(&auth, &["admin", "auditor"][..])))
        .route("/array", get(me).layer(require_roles(&auth, &["admin"])))
        .nest_service("/group", SecureRouter::new(&auth).require_roles(["admin"]).route("/me", get(me)))
        .with_state(auth);
}
