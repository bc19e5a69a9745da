use axum::{Router, routing::get};
use fauth_axum::CurrentUser;
use fauth_core::AuthProvider;
use fauth_testing::TestUser;

async fn me(_: Option<CurrentUser<TestUser>>) {}

fn app() -> Router<AuthProvider<TestUser>> {
    Router::new().route("/me", get(me))
}

fn main() {}
