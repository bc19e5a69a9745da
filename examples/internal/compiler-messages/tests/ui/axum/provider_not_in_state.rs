use axum::{Router, routing::get};
use fauth_axum::CurrentUser;
use fauth_testing::TestUser;

async fn me(_: CurrentUser<TestUser>) {}

fn app() -> Router {
    Router::new().route("/me", get(me))
}

fn main() {}
