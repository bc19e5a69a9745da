use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(active = AuthUser::is_active)]
struct CallsItself {
    #[auth(subject)]
    id: i64,
}

fn main() {}
