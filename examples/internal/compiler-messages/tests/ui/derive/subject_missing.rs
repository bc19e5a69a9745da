use fauth_core::AuthUser;

#[derive(AuthUser)]
struct User {
    id: i64,
    #[auth(active)]
    active: bool,
}

#[derive(AuthUser)]
struct Unit;

fn main() {}
