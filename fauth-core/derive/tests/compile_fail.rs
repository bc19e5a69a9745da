//! Mistakes that must not compile, and what the compiler says to them.
//!
//! The texts are those of one compiler version; `TRYBUILD=overwrite` writes them anew.

#[test]
fn compile_fail_mistakes() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/active_by_function.rs");
    cases.compile_fail("tests/ui/active_by_itself.rs");
    cases.compile_fail("tests/ui/active_missing.rs");
    cases.compile_fail("tests/ui/active_of_the_opposite.rs");
    cases.compile_fail("tests/ui/active_twice.rs");
    cases.compile_fail("tests/ui/attribute_without_key.rs");
    cases.compile_fail("tests/ui/enum_as_user.rs");
    cases.compile_fail("tests/ui/field_of_two_kinds.rs");
    cases.compile_fail("tests/ui/generic_of_any_type.rs");
    cases.compile_fail("tests/ui/key_at_the_wrong_place.rs");
    cases.compile_fail("tests/ui/not_shared.rs");
    cases.compile_fail("tests/ui/role_direction.rs");
    cases.compile_fail("tests/ui/role_fields.rs");
    cases.compile_fail("tests/ui/role_keys.rs");
    cases.compile_fail("tests/ui/role_names.rs");
    cases.compile_fail("tests/ui/role_numbers.rs");
    cases.compile_fail("tests/ui/subject_missing.rs");
    cases.compile_fail("tests/ui/subject_twice.rs");
    cases.compile_fail("tests/ui/types.rs");
    cases.compile_fail("tests/ui/unknown_key.rs");
    cases.compile_fail("tests/ui/wrong_crate.rs");
}
