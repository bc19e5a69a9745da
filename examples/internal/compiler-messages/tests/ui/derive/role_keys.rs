use fauth_core::Role;

#[derive(Role)]
#[role(name = "staff", rename = "Staff", rename_all = "snake")]
enum Staff {
    #[role(rename = "admin")]
    Admin,
    #[role(hierarchy)]
    Editor,
    #[role]
    Viewer,
    #[role()]
    Guest,
}

#[derive(Role)]
#[role(hierarchy, hierarchy)]
enum Twice {
    #[role(name = "a", name = "b")]
    Viewer,
}

fn main() {}
