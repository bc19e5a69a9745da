//! All keys of the tokens of one application.

use super::keys::FixedKeys;
#[cfg(feature = "trusted-issuers")]
use super::ring::KeyRing;

/// The same for as long as the service runs, or exchanged while it does.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Fixed(FixedKeys),
    #[cfg(feature = "trusted-issuers")]
    Ring(KeyRing),
}
