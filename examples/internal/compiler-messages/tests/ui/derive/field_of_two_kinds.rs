use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(always_active)]
struct User {
    #[auth(subject, password_hash)]
    name: String,
}

fn main() {}
