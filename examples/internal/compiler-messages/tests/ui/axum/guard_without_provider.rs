use axum::{Router, routing::get};
use fauth_axum::{guests_only, require_user};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _: Router = Router::new().route("/", get(async || "ok").layer(require_user(&auth)));
    let _: Router = Router::new().route("/", get(async || "ok").layer(require_user));
    let _: Router = Router::new().route("/", get(async || "ok").layer(guests_only));
}
