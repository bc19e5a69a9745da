//! What a user does in a browser, and what must be seen then; the same for all frameworks.

pub mod docs;

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
