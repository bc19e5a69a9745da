//! Mandates, through the whole provider: which are accepted, in which order they are judged, what
//! takes them back, and what is told of them.
//!
//! What can be seen over HTTP alone is in the conformance suite, what claims and conditions mean
//! each by itself in the tests beside the code.

#![cfg(feature = "mandates")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod describing;
#[expect(dead_code, reason = "the tests beside the code use the rest")]
mod golden;
mod many_sockets;
mod named;
mod order;
mod people;
mod sockets;
mod spending;
mod support;
mod taking_back;
mod telling;
mod verdicts;

// What the reader of the golden mandates needs.
use fauth_core::{Requirement, token::MandateUse};
