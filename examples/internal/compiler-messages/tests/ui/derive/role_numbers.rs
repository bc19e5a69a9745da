use fauth_core::Role;

#[derive(Role)]
#[role(hierarchy)]
enum Rank {
    Viewer = 3,
    Editor = 2,
    Owner = 9,
}

#[derive(Role)]
#[role(hierarchy = "strongest_first")]
enum Down {
    Admin = 1,
    Viewer,
}

const THREE: isize = 3;

#[derive(Role)]
#[role(hierarchy)]
enum Named {
    Viewer = THREE,
    Editor,
}

fn main() {}
