//! The token keys of one application.

use zeroize::Zeroizing;

use super::keys::{FixedKeys, Key};
#[cfg(feature = "trusted-issuers")]
use super::ring::KeyRing;

/// Keys that stay the same while the service runs, or that rotate.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Fixed(FixedKeys),
    #[cfg(feature = "trusted-issuers")]
    Ring(KeyRing),
}

impl Keys {
    /// The fingerprints of all keys; for a ring, of those that it holds now.
    pub(crate) fn fingerprints(&self) -> Vec<Zeroizing<String>> {
        match self {
            Self::Fixed(keys) => keys.all().iter().map(Key::fingerprint).collect(),
            #[cfg(feature = "trusted-issuers")]
            Self::Ring(ring) => ring.fingerprints(),
        }
    }
}
