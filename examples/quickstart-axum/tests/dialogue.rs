//! The quickstart, talked to over a socket.
#![cfg(unix)]
#![expect(unused_crate_dependencies, reason = "the program uses them, its test only talks to it")]

dialogue::dialogue!(env!("CARGO_BIN_EXE_quickstart-axum"));
