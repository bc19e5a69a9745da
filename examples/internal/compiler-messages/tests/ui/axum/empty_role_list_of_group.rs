use fauth_axum::SecureRouter;
use fauth_core::AuthProvider;
use fauth_testing::TestUser;

fn group(auth: &AuthProvider<TestUser>) {
    let _ = SecureRouter::new(auth).require_roles([""; 0]);
}

fn main() {
    group(&fauth_testing::provider().build().unwrap());
}
