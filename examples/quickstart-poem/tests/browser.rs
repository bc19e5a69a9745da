//! The quickstart's page, in a browser.
#![cfg(unix)]

browser::docs!(env!("CARGO_BIN_EXE_quickstart-poem"));
