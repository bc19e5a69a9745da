//! The application's public keys, with which other services verify its tokens:
//! `/.well-known/jwks.json` (RFC 7517 section 5).

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::keys::Key;
#[cfg(feature = "trusted-issuers")]
use super::ring::KeyRing;
use crate::clock::Timestamp;

/// How long the set may be cached if the keys do not change while the service runs.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The source of the published keys. Absent without a ring or an asymmetric key.
#[derive(Debug, Clone)]
pub(crate) enum PublishedKeys {
    Fixed(Arc<JwksDocument>),
    #[cfg(feature = "trusted-issuers")]
    Ring(KeyRing),
}

/// The key set at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JwksDocument {
    pub(crate) body: Box<str>,
    /// Including the quotes.
    pub(crate) etag: Box<str>,
    pub(crate) max_age: Duration,
}

impl PublishedKeys {
    pub(crate) fn of_fixed(keys: &[Key]) -> Option<Self> {
        let jwks: Vec<String> = keys.iter().filter_map(Key::public_jwk).collect();
        if jwks.is_empty() {
            return None;
        }
        Some(Self::Fixed(Arc::new(JwksDocument::new(jwks.iter().map(String::as_str), MAX_AGE))))
    }

    /// Also for a ring with nothing to publish yet: the routes are created once, and the next key
    /// of the ring may be asymmetric.
    #[cfg(feature = "trusted-issuers")]
    pub(crate) fn of_ring(ring: &KeyRing) -> Self {
        Self::Ring(ring.clone())
    }

    #[cfg_attr(
        not(feature = "trusted-issuers"),
        expect(unused_variables, reason = "fixed keys do not depend on the time")
    )]
    pub(crate) fn document(&self, now: Timestamp) -> Arc<JwksDocument> {
        match self {
            Self::Fixed(document) => Arc::clone(document),
            #[cfg(feature = "trusted-issuers")]
            Self::Ring(ring) => {
                let snapshot = ring.snapshot();
                Arc::new(JwksDocument::new(snapshot.published(now), ring.cached_for()))
            }
        }
    }
}

impl JwksDocument {
    fn new<'a>(jwks: impl Iterator<Item = &'a str>, max_age: Duration) -> Self {
        let mut body = String::from("{\"keys\":[");
        for (position, jwk) in jwks.enumerate() {
            if position > 0 {
                body.push(',');
            }
            body.push_str(jwk);
        }
        body.push_str("]}");
        let hash = Sha256::digest(&body);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.first_chunk::<16>().unwrap_or(&[0; 16])));
        Self { body: body.into_boxed_str(), etag: etag.into_boxed_str(), max_age }
    }
}
