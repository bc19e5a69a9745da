use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(always_active)]
struct User<Id, R> {
    #[auth(subject)]
    id: Id,
    #[auth(roles)]
    roles: Vec<R>,
}

fn main() {}
