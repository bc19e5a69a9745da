//! Mistakes that must not compile, and what the compiler says to them.
//!
//! The texts are those of one compiler version; `TRYBUILD=overwrite` writes them anew. One test for
//! all of them: trybuild calls cargo once for each, and with one case that compiles it builds the
//! others too, which shows what a check does not.

#[test]
fn compile_fail_with_a_message_that_helps() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/axum/wired.rs");
    cases.compile_fail("tests/ui/axum/audit_of_router.rs");
    cases.compile_fail("tests/ui/axum/audit_of_unseen.rs");
    cases.compile_fail("tests/ui/axum/async_closure_with_capture.rs");
    cases.compile_fail("tests/ui/axum/empty_role_list.rs");
    cases.compile_fail("tests/ui/axum/empty_role_list_of_group.rs");
    cases.compile_fail("tests/ui/axum/group_in_merge.rs");
    cases.compile_fail("tests/ui/axum/group_in_nest.rs");
    // C-02: a guard that is written bare, as in Caspian.
    cases.compile_fail("tests/ui/axum/guard_without_provider.rs");
    cases.compile_fail("tests/ui/axum/loader_of_another_type.rs");
    cases.compile_fail("tests/ui/axum/loader_without_parameter_type.rs");
    cases.compile_fail("tests/ui/axum/loaders_that_disagree.rs");
    cases.compile_fail("tests/ui/axum/not_a_user.rs");
    cases.compile_fail("tests/ui/axum/one_name_for_a_list.rs");
    cases.compile_fail("tests/ui/axum/optional_current_user.rs");
    cases.compile_fail("tests/ui/axum/provider_not_in_state.rs");
    cases.compile_fail("tests/ui/axum/state_forgotten.rs");
    cases.compile_fail("tests/ui/axum/wrong_identity_loaders.rs");
    cases.compile_fail("tests/ui/axum/wrong_user_loaders.rs");
    cases.pass("tests/ui/actix/wired.rs");
    cases.compile_fail("tests/ui/actix/audit_of_app.rs");
    cases.compile_fail("tests/ui/actix/audit_of_unseen.rs");
    cases.compile_fail("tests/ui/actix/empty_role_list.rs");
    cases.compile_fail("tests/ui/actix/not_a_user.rs");
    // C-02: a guard that is written bare, as in Caspian.
    cases.compile_fail("tests/ui/actix/guard_without_provider.rs");
    cases.compile_fail("tests/ui/actix/loader_of_another_type.rs");
    cases.pass("tests/ui/poem/wired.rs");
    cases.compile_fail("tests/ui/poem/audit_of_route.rs");
    cases.compile_fail("tests/ui/poem/audit_of_unseen.rs");
    cases.compile_fail("tests/ui/poem/empty_role_list.rs");
    cases.compile_fail("tests/ui/poem/not_a_user.rs");
    // C-02: a guard that is written bare, as in Caspian.
    cases.compile_fail("tests/ui/poem/guard_without_provider.rs");
    cases.compile_fail("tests/ui/poem/loader_of_another_type.rs");
    cases.pass("tests/ui/testing/table.rs");
    cases.compile_fail("tests/ui/testing/row_too_short.rs");
    cases.compile_fail("tests/ui/testing/no_application.rs");
    cases.compile_fail("tests/ui/testing/reference_to_an_application.rs");
    cases.compile_fail("tests/ui/testing/not_a_user.rs");
    cases.compile_fail("tests/ui/derive/active_by_function.rs");
    cases.compile_fail("tests/ui/derive/active_by_itself.rs");
    cases.compile_fail("tests/ui/derive/active_missing.rs");
    cases.compile_fail("tests/ui/derive/active_of_the_opposite.rs");
    cases.compile_fail("tests/ui/derive/active_twice.rs");
    cases.compile_fail("tests/ui/derive/attribute_without_key.rs");
    cases.compile_fail("tests/ui/derive/enum_as_user.rs");
    cases.compile_fail("tests/ui/derive/field_of_two_kinds.rs");
    cases.compile_fail("tests/ui/derive/generic_of_any_type.rs");
    cases.compile_fail("tests/ui/derive/key_at_the_wrong_place.rs");
    cases.compile_fail("tests/ui/derive/not_shared.rs");
    cases.compile_fail("tests/ui/derive/role_direction.rs");
    cases.compile_fail("tests/ui/derive/role_fields.rs");
    cases.compile_fail("tests/ui/derive/role_keys.rs");
    cases.compile_fail("tests/ui/derive/role_names.rs");
    cases.compile_fail("tests/ui/derive/role_numbers.rs");
    cases.compile_fail("tests/ui/derive/subject_missing.rs");
    cases.compile_fail("tests/ui/derive/subject_twice.rs");
    cases.compile_fail("tests/ui/derive/types.rs");
    cases.compile_fail("tests/ui/derive/unknown_key.rs");
    cases.compile_fail("tests/ui/derive/wrong_crate.rs");
}
