use axum::{Router, routing::get};
use fauth_axum::CurrentUser;
use fauth_core::AuthProvider;

struct NotAUser;

async fn me(_: CurrentUser<NotAUser>) {}

fn app() -> Router<AuthProvider<NotAUser>> {
    Router::new().route("/me", get(me))
}

fn main() {}
