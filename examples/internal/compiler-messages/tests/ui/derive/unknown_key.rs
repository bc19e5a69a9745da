use fauth_core::AuthUser;

#[derive(AuthUser)]
#[auth(rename_all = "snake_case")]
struct User {
    #[auth(subject, rename = "sub")]
    id: i64,
    #[auth(is_active)]
    active: bool,
    #[auth(roles = "admin")]
    roles: Vec<String>,
    #[auth("permissions")]
    permissions: Vec<String>,
}

fn main() {}
