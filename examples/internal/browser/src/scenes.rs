//! What a user does in a browser, and what must be seen then; the same for all frameworks.

pub mod docs;
pub mod session_pages;

/// The tests of the page with Swagger UI, against the program at this path:
/// `browser::docs!(env!("CARGO_BIN_EXE_…"))`.
#[macro_export]
macro_rules! docs {
    ($program:expr) => {
        /// Open the page, press Authorize, try the operations, log out.
        #[test]
        fn the_authorize_button_works() {
            $crate::scenes::docs::the_authorize_button_works($program);
        }

        /// The headers of everything under `/docs`.
        #[test]
        fn the_page_says_what_it_may_do() {
            $crate::scenes::docs::the_page_says_what_it_may_do($program);
        }
    };
}

/// The tests of the pages under `/session`, against the program at this path:
/// `browser::session_pages!(env!("CARGO_BIN_EXE_…"))`.
#[macro_export]
macro_rules! session_pages {
    ($program:expr) => {
        /// Sign in and out, several tabs, the back button, roles, a form of another origin.
        #[test]
        fn people_sign_in_and_out() {
            $crate::scenes::session_pages::people_sign_in_and_out($program);
        }

        /// A restart of the browser, with and without "remember me", and a session that is used.
        #[test]
        fn sessions_last_as_long_as_asked() {
            $crate::scenes::session_pages::sessions_last_as_long_as_asked($program);
        }
    };
}
