use actix_web::{App, web::get};
use fauth_actix::{CurrentUser, SecureScope, auth_routes, require_role, require_roles};
use fauth_testing::TestUser;

async fn greet(user: CurrentUser<TestUser>) -> String {
    format!("Hello {}", user.name)
}

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let group = SecureScope::new("/internal", &auth).require_roles(["admin"]).route("/greet", get().to(greet));
    let _ = App::new()
        .app_data(actix_web::web::Data::new(auth.clone()))
        .service(auth_routes(&auth))
        .route("/greet", get().to(greet).wrap(require_roles(&auth, ["user"])))
        .route("/one", get().to(greet).wrap(require_role(&auth, "user")))
        .route("/vector", get().to(greet).wrap(require_roles(&auth, vec![String::from("user")])))
        .route("/slice", get().to(greet).wrap(require_roles(&auth, &["user", "admin"][..])))
        .service(group);
}
