use actix_web::web::{get, resource};
use fauth_actix::{guests_only, require_user};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = resource("/").route(get().to(async || "ok")).wrap(require_user(&auth));
    let _ = resource("/").route(get().to(async || "ok")).wrap(require_user);
    let _ = resource("/").route(get().to(async || "ok")).wrap(guests_only);
}
