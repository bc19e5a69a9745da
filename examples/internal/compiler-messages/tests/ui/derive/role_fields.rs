use fauth_core::Role;

#[derive(Role)]
enum WithFields {
    Admin,
    EditorOf(u32),
    MemberOf { group: u32 },
}

#[derive(Role)]
enum Empty {}

#[derive(Role)]
struct Admin;

fn main() {}
