//! Mandates: delegated authority as Caracal issues it.

#[cfg(feature = "caracal-audit")]
pub mod audit;

pub use crate::trace_context::TraceContext;
