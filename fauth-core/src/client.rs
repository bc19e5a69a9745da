//! The client that sent a request: [`ClientInfo`], and the proxies that are trusted to report its
//! address.

mod address;
mod forwarded;
pub(crate) mod info;
mod proxies;

pub(crate) use address::{AddressBlock, peer_of};
pub use forwarded::ForwardedHeader;
pub(crate) use info::ClientInfo;
pub use proxies::TrustedProxies;
