use actix_web::{App, web::get};
use fauth_actix::require_roles;

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = App::new().route("/admin", get().to(async || "admin").wrap(require_roles(&auth, [""; 0])));
}
