//! The user stores: what both of them promise, as one suite that each runs, and what the file
//! promises beyond that.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod support;

mod cases;

/// Each case as a test of its own on each store.
macro_rules! suite {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let clock = crate::support::TestClock::new();
                let store = fauth_core::user_store::MemoryUserStore::new().clock(clock.clone());
                crate::cases::$case(store, clock).await;
            })*
        }

        mod json_file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let clock = crate::support::TestClock::new();
                let folder = crate::support::Folder::new();
                let store = folder.store().await.clock(clock.clone());
                crate::cases::$case(store, clock).await;
            })*
        }
    };
}

suite! {
    a_created_user_is_found_with_all_that_was_said
    who_was_not_created_is_not_found
    names_are_compared_byte_for_byte
    a_second_user_of_a_name_is_refused
    sixteen_creating_one_name_make_one_user
    a_deleted_user_is_gone
    a_deleted_name_can_be_taken_again
    users_are_listed_in_the_order_of_their_creation
    names_have_1_to_255_bytes_and_no_control_characters
    a_name_that_nobody_can_have_costs_nothing_and_breaks_no_line
    hashes_have_at_most_512_bytes
    a_password_is_not_taken_for_a_hash
    a_user_has_at_most_64_roles
    a_hash_is_replaced_if_it_is_the_old_one
    of_sixteen_replacements_of_one_hash_one_counts
    another_password_raises_the_epoch
    the_password_of_a_namesake_is_not_changed
    of_sixteen_password_changes_at_once_one_counts
    an_epoch_is_at_most_2_to_the_53_minus_1
    a_password_change_ends_everything
    disabling_ends_everything_for_good
    a_rehash_and_other_roles_end_nothing
    disabling_and_enabling_change_nothing_else
    roles_are_replaced_and_nothing_else
    changes_of_different_members_at_once_are_all_kept
    clones_are_one_store
    a_clock_without_the_time_creates_nobody
    no_hash_is_in_any_debug_text_or_error
    a_store_is_a_whole_set_of_loaders
    a_demoted_user_is_loaded_without_his_role
    tokens_of_a_deleted_namesake_load_nobody
    an_old_hash_is_brought_up_to_date_at_login
    a_password_changed_meanwhile_wins_over_the_rehash
}

mod bounds;

mod format;

mod processes;

mod disk;
