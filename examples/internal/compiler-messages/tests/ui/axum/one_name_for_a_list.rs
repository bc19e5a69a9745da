use fauth_axum::{require_role, require_roles};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = require_role(&auth, "admin");
    let _ = require_roles(&auth, "admin");
}
