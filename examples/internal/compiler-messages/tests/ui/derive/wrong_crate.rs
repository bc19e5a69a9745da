use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(always_active, crate = nowhere::fauth_core)]
struct Unknown {
    #[auth(subject)]
    id: i64,
}

fn main() {}
