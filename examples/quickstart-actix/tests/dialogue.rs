//! The quickstart, talked to over a socket.
#![cfg(unix)]

dialogue::dialogue!(env!("CARGO_BIN_EXE_quickstart-actix"));
