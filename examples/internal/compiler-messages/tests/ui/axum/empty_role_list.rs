use fauth_axum::require_roles;
use fauth_core::AuthProvider;
use fauth_testing::TestUser;

fn guard(auth: &AuthProvider<TestUser>) {
    let _ = require_roles(auth, [""; 0]);
}

fn main() {
    guard(&fauth_testing::provider().build().unwrap());
}
