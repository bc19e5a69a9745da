//! A list of roles without a role would let everybody in, or nobody.

use fauth_poem::{SecureRoute, require_roles};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _guard = require_roles(&auth, [""; 0]);
    let _group = SecureRoute::new(&auth).require_any_role([""; 0]);
}
