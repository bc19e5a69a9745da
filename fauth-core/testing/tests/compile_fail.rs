//! What must not compile, and what the compiler says about it.
//!
//! The texts are those of one compiler version; `TRYBUILD=overwrite` writes them anew.

#[test]
fn compile_fail_mistakes_in_tests() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/table.rs");
    cases.compile_fail("tests/ui/row_too_short.rs");
    cases.compile_fail("tests/ui/no_application.rs");
    cases.compile_fail("tests/ui/reference_to_an_application.rs");
    cases.compile_fail("tests/ui/not_a_user.rs");
}
