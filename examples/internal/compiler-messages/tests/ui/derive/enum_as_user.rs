use fauth_core::AuthUser;

#[derive(AuthUser)]
enum User {
    Customer { id: i64 },
    Staff { name: String },
}

fn main() {}
