use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth]
struct Bare {
    #[auth(subject)]
    id: i64,
    #[auth()]
    active: bool,
}

fn main() {}
