//! The manual: what is too long for an item's documentation. There is no code here.

#[doc = include_str!("manual/performance.md")]
pub mod performance {}

#[doc = include_str!("manual/wiring.md")]
pub mod wiring {}
