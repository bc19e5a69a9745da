use axum::{Router, routing::get};
use fauth_axum::assert_all_guarded;

fn main() {
    let app: Router = Router::new().route("/", get(async || ""));
    assert_all_guarded!(app, except ["/"]);
}
