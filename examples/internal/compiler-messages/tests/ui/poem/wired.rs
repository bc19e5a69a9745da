//! All of it right.

use fauth_testing::TestUser;
use fauth_poem::{CurrentUser, SecureRoute, auth_routes, require_role, require_roles};
use poem::{EndpointExt as _, get, handler};

#[handler]
async fn me(user: CurrentUser<TestUser>) -> String {
    user.name.clone()
}

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _app = auth_routes(&auth)
        .at("/me", get(me).with(require_roles(&auth, ["admin"])))
        .at("/one", get(me).with(require_role(&auth, "admin")))
        .at("/vector", get(me).with(require_roles(&auth, vec![String::from("admin")])))
        .at("/slice", get(me).with(require_roles(&auth, &["admin", "auditor"][..])))
        .nest("/internal", SecureRoute::new(&auth).at("/dashboard", get(me)))
        .data(auth);
}
