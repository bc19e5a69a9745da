//! The commonest mistakes in wiring, and what the compiler says about each.
#![expect(unused_crate_dependencies, reason = "each test binary uses its own part of the dependencies")]

#[test]
fn compile_fail_wiring_mistakes() {
    let tests = trybuild::TestCases::new();
    // One program that must run: with it, the others are built and not only checked, which is when an empty list shows.
    tests.pass("tests/ui/right.rs");
    tests.compile_fail("tests/ui/empty_role_list.rs");
    tests.compile_fail("tests/ui/not_a_user.rs");
    tests.compile_fail("tests/ui/wrong_loader.rs");
}
