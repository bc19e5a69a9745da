//! A real server on the loopback interface, over TLS and without, that does everything wrong that a
//! server can.

mod http_fetch;
mod provider;
mod server;
