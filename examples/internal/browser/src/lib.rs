//! Chromium without a window, for tests of pages.
//!
//! Each [`Browser`] is a process of its own with an empty profile, steered through Debian's
//! `chromedriver`. It ends with the process that started it, whatever becomes of that. It reaches
//! the loopback address and nothing else: every other name fails to resolve.
//!
//! Nothing here sleeps: what a page takes its time for is waited for, up to [`PATIENCE`], and the
//! failure says what was there instead.
//!
//! | to | use |
//! |---|---|
//! | steer one page | [`Browser::open`], [`click`], [`fill`], [`wait_for`], [`wait_for_text`] |
//! | see what a user sees | [`text`], [`screenshot`], [`resize`], [`prefer_dark`], [`Options::dark`] |
//! | see what went wrong | [`console`], [`assert_console_says_only`], [`requests`] |
//! | use several tabs, and go back | [`open_tab`], [`switch_to`], [`back`] |
//! | close the browser and come back | [`restart`] |
//! | show a page of another origin | [`site`] |
//!
//! [`click`]: Browser::click
//! [`fill`]: Browser::fill
//! [`wait_for`]: Browser::wait_for
//! [`wait_for_text`]: Browser::wait_for_text
//! [`text`]: Browser::text
//! [`screenshot`]: Browser::screenshot
//! [`resize`]: Browser::resize
//! [`prefer_dark`]: Browser::prefer_dark
//! [`console`]: Browser::console
//! [`assert_console_says_only`]: Browser::assert_console_says_only
//! [`requests`]: Browser::requests
//! [`open_tab`]: Browser::open_tab
//! [`switch_to`]: Browser::switch_to
//! [`back`]: Browser::back
//! [`restart`]: Browser::restart
//!
//! [`docs!`] is the test of a page with Swagger UI, [`session_pages!`] that of pages that sign in.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    reason = "this crate is test code: its failures are meant to be panics, and it waits for a real browser in real time"
)]

mod driver;
mod expect;
mod http_client;
mod options;
mod page;
mod records;
pub mod scenes;
mod site;
mod watchdog;

pub use driver::Browser;
pub use options::{Options, Size};
pub use page::PATIENCE;
pub use records::{ConsoleEntry, Request};
pub use site::site;
