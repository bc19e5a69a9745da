//! A real server on the loopback interface, over TLS and without, that does everything wrong that a
//! server can.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test waits for real servers, and may fail by panicking"
)]

mod http_fetch;
mod provider;
mod server;
