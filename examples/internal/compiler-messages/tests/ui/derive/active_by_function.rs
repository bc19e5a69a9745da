use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(active = Self::may_act)]
struct NoFunction {
    #[auth(subject)]
    id: i64,
}

#[derive(AuthUser)]
#[auth(active = Self::may_act)]
struct OtherForm {
    #[auth(subject)]
    id: i64,
}

impl OtherForm {
    fn may_act(&self) -> Option<bool> {
        None
    }
}

#[derive(AuthUser)]
#[auth(active = Self::is_active)]
struct CallsItself {
    #[auth(subject)]
    id: i64,
}

fn main() {}
