use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(subject)]
#[auth(active)]
struct OnTheStruct {
    id: i64,
}

#[derive(AuthUser)]
struct OnTheField {
    #[auth(subject, crate = fauth_core)]
    id: i64,
    #[auth(always_active)]
    active: bool,
}

fn main() {}
