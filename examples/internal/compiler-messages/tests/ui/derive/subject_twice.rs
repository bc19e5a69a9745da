use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(always_active)]
struct User {
    #[auth(subject)]
    id: i64,
    #[auth(subject)]
    name: String,
}

#[derive(AuthUser)]
#[auth(always_active)]
struct Tuple(#[auth(subject)] i64, #[auth(subject)] String);

#[derive(AuthUser)]
#[auth(always_active)]
struct Same(#[auth(subject, subject)] i64);

fn main() {}
