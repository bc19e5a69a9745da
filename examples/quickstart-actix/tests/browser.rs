//! The quickstart's pages, in a browser.
#![cfg(unix)]

browser::docs!(env!("CARGO_BIN_EXE_quickstart-actix"));
browser::session_pages!(env!("CARGO_BIN_EXE_quickstart-actix"));
