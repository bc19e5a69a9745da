//! The kit with an application of each framework. The applications have the same routes, and the
//! cases are the same.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails is meant to panic")]

/// Runs every case with the `app` and the `block_on` of the module.
macro_rules! cases {
    ($( $(#[$attribute:meta])* $case:ident )+) => { $(
        #[test]
        $(#[$attribute])*
        fn $case() {
            block_on(async {
                let auth = crate::cases::auth();
                let app = app(auth.provider()).await;
                crate::cases::$case(&auth, &app).await;
            });
        }
    )+ };
    () => {
        cases! {
            a_table_of_every_route_passes
            #[should_panic(expected = "assert_access!: 3 of 12 cells are wrong\n  \
                route        user       expected  got\n  \
                GET /        carol           404  200  home\n  \
                GET /admin/  anonymous       200  401  Not authenticated\n  \
                GET /admin/  bob             200  403  Missing role: admin")]
            every_wrong_cell_is_listed
            #[should_panic(expected = "nobody is called `zoe`: say `let zoe = …;` in front of the table, or take a \
                user of the TestAuth: `alice`, `bob`, `carol`, `dora`")]
            an_unknown_user_is_said
            #[should_panic(expected = "`let page` has no column in the table")]
            a_visitor_without_column_is_said
            each_cell_has_a_login_of_its_own
            a_blank_cell_sends_nothing
            logins_are_bearer_tokens_or_cookies
            a_cookie_needs_its_proof
            tokens_are_good_or_bad_as_told
            scopes_count
            passwords_log_in
            users_change
            bodies_arrive
            events_are_recorded
            the_clock_turns
            a_provider_of_its_own_in_real_time
        }
    };
}

mod actix;
mod axum;
mod cases;
mod poem;
