//! What the quickstarts are asked over a socket, and what each of them must answer.
//!
//! Each quickstart is started as the program that it is, on a free port, and talked to in plain
//! HTTP/1.1. A scene is one such talk; [`dialogue!`] makes a test of each. The same scenes run
//! against all three frameworks, with the same expectations down to the bytes of the bodies.
//!
//! At the end of every scene the program is stopped by SIGTERM and must end well, and its log,
//! written at the level `trace`, must hold no password, no token and no secret that was in play.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this crate is test code: its failures are meant to be panics, and it waits for real processes in real time"
)]

pub mod http;
pub mod scenes;
pub mod server;

/// One test for each scene, against the program at this path:
/// `dialogue::dialogue!(env!("CARGO_BIN_EXE_…"))`.
///
/// The scenes of a store are played where the quickstart has the feature of that store. `.ci/test`
/// switches all of them on.
#[macro_export]
macro_rules! dialogue {
    ($program:expr) => {
        $crate::dialogue! { $program;
            start_line_names_the_address_and_three_commands,
            open_page,
            login_by_json_and_by_form,
            failed_logins_look_alike,
            me_needs_a_token,
            admin_needs_the_role,
            admin_owns_its_whole_prefix,
            reports_need_the_permission,
            whoami_is_for_everybody_but_bad_tokens,
            group_refuses_the_anonymous,
            group_refuses_an_upgrade,
            group_opens_with_a_token,
            refresh_gives_a_new_pair,
            each_token_has_one_purpose,
            logout_ends_the_session,
            sessions_are_listed_and_ended,
            sessions_show_the_client_behind_a_trusted_proxy,
            logout_everywhere_ends_all_sessions,
            a_stolen_refresh_token_ends_its_session,
            #[cfg(feature = "sqlite")]
            logins_outlive_the_program_in_a_database,
            #[cfg(feature = "redis")]
            three_instances_share_redis,
            #[cfg(all(feature = "postgres", feature = "redis"))]
            sessions_in_postgres_outlive_the_revocations_in_redis,
            #[cfg(not(any(feature = "postgres", feature = "redis", feature = "sqlite")))]
            a_store_that_is_not_built_in_names_its_feature,
            #[cfg(all(feature = "postgres", feature = "redis", feature = "sqlite"))]
            a_store_that_is_not_there_is_named,
            #[cfg(all(feature = "postgres", feature = "redis", not(feature = "tls")))]
            tls_that_is_not_built_in_names_its_feature,
            a_sign_in_leads_back_to_where_it_was_asked_for,
            a_wrong_password_shows_the_form_again,
            whoever_asks_to_be_remembered_is,
            whoever_is_signed_in_needs_no_form,
            a_sign_out_ends_the_session_in_all_tabs,
            admins_have_a_page,
            notes_are_added_by_scripts,
            forms_of_other_origins_change_nothing,
            forms_and_scripts_bring_the_token_of_their_session,
            a_page_for_everybody_names_its_visitor,
            pages_are_plain_and_kept_by_no_cache,
            the_pages_are_these_bytes,
            its_cookies_are_secure_where_others_can_reach_it,
            endpoints_read_only_what_they_must,
            python_tokens_open_me,
            settings_come_from_the_environment,
            without_a_secret_each_start_has_its_own,
            bad_settings_stop_the_start,
            stops_with_an_idle_connection_open,
            stops_with_an_unfinished_request,
        }
    };
    ($program:expr; $($(#[$condition:meta])* $scene:ident),* $(,)?) => {
        $(
            $(#[$condition])*
            #[test]
            fn $scene() {
                $crate::scenes::$scene($program);
            }
        )*
    };
}
