use fauth_core::AuthUser;

#[derive(AuthUser)]
struct User {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    active: bool,
    notes: std::rc::Rc<String>,
}

fn main() {}
