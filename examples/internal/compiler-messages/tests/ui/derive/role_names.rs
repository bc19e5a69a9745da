use fauth_core::Role;

#[derive(Role)]
enum Staff {
    Admin,
    #[role(name = "admin")]
    Administrator,
    #[role(name = "")]
    Nobody,
    #[role(name = " ")]
    Blank,
    #[role(name = "editor ")]
    Editor,
    #[role(name = 7)]
    Seven,
}

fn main() {}
