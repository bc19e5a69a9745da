//! Mistakes that do not compile, and what the compiler says to them.

#[test]
fn compile_fail_for_the_commonest_mistakes() {
    let cases = trybuild::TestCases::new();
    // A case that passes makes trybuild build and not only check: the empty list is found out late.
    cases.pass("tests/ui/wired.rs");
    cases.compile_fail("tests/ui/audit_of_app.rs");
    cases.compile_fail("tests/ui/audit_of_unseen.rs");
    cases.compile_fail("tests/ui/empty_role_list.rs");
    cases.compile_fail("tests/ui/not_a_user.rs");
    cases.compile_fail("tests/ui/loader_of_another_type.rs");
}
