//! A source against a scripted server, on a clock that only tests move.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod answers;
mod flights;
mod freshness;
mod kit;
mod set_up;
