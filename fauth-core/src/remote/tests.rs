//! A source against a scripted server, on a clock that only tests move.

mod answers;
mod flights;
mod freshness;
mod kit;
mod set_up;
