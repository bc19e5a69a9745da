//! The manual: what is too long for an item's documentation. There is no code here.

#[cfg(feature = "mandates")]
#[cfg_attr(docsrs, doc(cfg(feature = "mandates")))]
#[doc = include_str!("manual/caracal.md")]
pub mod caracal {}

#[doc = include_str!("manual/performance.md")]
pub mod performance {}

#[doc = include_str!("manual/wiring.md")]
pub mod wiring {}
