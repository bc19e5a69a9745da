use fauth_core::AuthUser;

#[derive(AuthUser)]
struct User {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    disabled: bool,
}

#[derive(AuthUser)]
struct Other {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    is_banned: bool,
}

fn main() {}
