use fauth_core::AuthUser;

#[derive(AuthUser)]
struct User {
    #[auth(subject)]
    id: Option<i64>,
    #[auth(password_hash)]
    password_hash: Vec<u8>,
    #[auth(active)]
    active: Option<bool>,
    #[auth(roles)]
    roles: Vec<u32>,
    #[auth(permissions)]
    permissions: std::collections::HashMap<String, bool>,
    #[auth(epoch)]
    token_epoch: Option<i64>,
}

fn main() {}
