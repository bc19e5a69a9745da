//! Wiring mistakes that must not compile, and what the compiler says to them.
//!
//! The texts are those of one compiler version; `TRYBUILD=overwrite` writes them anew.

#[test]
fn compile_fail_wiring_mistakes() {
    let cases = trybuild::TestCases::new();
    // With one case that compiles, trybuild builds the others too: that an empty list is refused shows only then.
    cases.pass("tests/ui/wired.rs");
    cases.compile_fail("tests/ui/audit_of_router.rs");
    cases.compile_fail("tests/ui/audit_of_unseen.rs");
    cases.compile_fail("tests/ui/async_closure_with_capture.rs");
    cases.compile_fail("tests/ui/empty_role_list.rs");
    cases.compile_fail("tests/ui/empty_role_list_of_group.rs");
    cases.compile_fail("tests/ui/group_in_merge.rs");
    cases.compile_fail("tests/ui/group_in_nest.rs");
    cases.compile_fail("tests/ui/loader_of_another_type.rs");
    cases.compile_fail("tests/ui/loader_without_parameter_type.rs");
    cases.compile_fail("tests/ui/loaders_that_disagree.rs");
    cases.compile_fail("tests/ui/not_a_user.rs");
    cases.compile_fail("tests/ui/one_name_for_a_list.rs");
    cases.compile_fail("tests/ui/optional_current_user.rs");
    cases.compile_fail("tests/ui/provider_not_in_state.rs");
    cases.compile_fail("tests/ui/state_forgotten.rs");
    cases.compile_fail("tests/ui/wrong_identity_loaders.rs");
    cases.compile_fail("tests/ui/wrong_user_loaders.rs");
}
