use fauth_core::AuthUser;

#[derive(AuthUser)]
struct User {
    #[auth(subject)]
    id: i64,
    is_active: bool,
}

fn main() {}
