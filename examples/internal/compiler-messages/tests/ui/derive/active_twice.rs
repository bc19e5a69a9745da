use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(always_active)]
struct Always {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    enabled: bool,
}

#[derive(AuthUser)]
#[auth(active = Self::may_act)]
struct Decided {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    enabled: bool,
}

#[derive(AuthUser)]
struct Both {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    enabled: bool,
    #[auth(active)]
    confirmed: bool,
}

fn main() {}
