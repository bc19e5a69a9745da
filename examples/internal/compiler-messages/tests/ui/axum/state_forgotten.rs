use std::net::SocketAddr;

use axum::{Router, routing::get};
use fauth_axum::CurrentUser;
use fauth_testing::TestUser;

async fn me(_: CurrentUser<TestUser>) {}

fn served_as_in_the_documentation() {
    let app: Router = Router::new().route("/me", get(me));
    let _ = app.into_make_service_with_connect_info::<SocketAddr>();
}

fn without_the_type() {
    let app = Router::new().route("/me", get(me));
    let _ = app.into_make_service_with_connect_info::<SocketAddr>();
}

fn main() {}
