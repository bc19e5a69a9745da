//! poem.

use fauth_core::AuthProvider;
use fauth_poem::{CurrentUser, SecureRoute, auth_routes, require_scope, require_user};
use fauth_testing::{Poem, TestClient, TestUser};
use poem::{EndpointExt as _, get, handler, post};

#[expect(clippy::unused_async, reason = "as with actix-web, whose services take their time to be made")]
async fn app(auth: &AuthProvider<TestUser>) -> impl TestClient<Poem> {
    let admins = SecureRoute::new(auth).require_roles(["admin"]).at("/", get(admin));
    auth_routes(auth)
        .at("/", get(home))
        .at("/me", get(me))
        .at("/notes", post(notes).with(require_user(auth)))
        .at("/scoped", get(scoped).with(require_scope(auth, "read")))
        .nest("/admin", admins)
        .data(auth.clone())
}

#[handler]
fn home() -> &'static str {
    "home"
}

#[handler]
fn me(CurrentUser(user): CurrentUser<TestUser>) -> String {
    user.name.clone()
}

#[handler]
fn notes(text: String) -> String {
    text
}

#[handler]
fn scoped() -> &'static str {
    "scoped"
}

#[handler]
fn admin() -> &'static str {
    "admin"
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

cases!();
