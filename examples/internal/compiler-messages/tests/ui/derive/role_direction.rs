use fauth_core::Role;

#[derive(Role)]
#[role(hierarchy)]
enum Rank {
    Admin,
    Editor,
    Viewer,
}

#[derive(Role)]
#[role(hierarchy)]
enum Renamed {
    #[role(name = "super-user")]
    All,
    Viewer,
}

#[derive(Role)]
#[role(hierarchy = "descending")]
enum Unknown {
    Viewer,
    Admin,
}

fn main() {}
