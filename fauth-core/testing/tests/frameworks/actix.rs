//! actix-web.

use actix_web::{
    App,
    rt::System,
    test::init_service,
    web::{Data, get, post, resource},
};
use fauth_actix::{CurrentUser, SecureScope, auth_routes, require_scope, require_user};
use fauth_core::AuthProvider;
use fauth_testing::{Actix, TestClient, TestUser};

async fn app(auth: &AuthProvider<TestUser>) -> impl TestClient<Actix> + use<> {
    let admins = SecureScope::new("/admin", auth)
        .require_roles(["admin"])
        .service(resource(["", "/"]).route(get().to(async || "admin")));
    let notes = resource("/notes").route(post().to(async |text: String| text)).wrap(require_user(auth));
    let scoped = resource("/scoped").route(get().to(async || "scoped")).wrap(require_scope(auth, "read"));
    let app = App::new()
        .app_data(Data::new(auth.clone()))
        .service(resource("/").route(get().to(async || "home")))
        .service(auth_routes(auth))
        .service(resource("/me").route(get().to(me)))
        .service(notes)
        .service(scoped)
        .service(admins);
    init_service(app).await
}

async fn me(CurrentUser(user): CurrentUser<TestUser>) -> String {
    user.name.clone()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    System::new().block_on(future)
}

cases!();
