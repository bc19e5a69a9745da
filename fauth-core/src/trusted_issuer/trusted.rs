//! An issuer that is trusted: its verifier, its keys, and what its claims mean.

use std::sync::Arc;

use super::ClaimMapping;
use crate::{
    clock::Timestamp,
    error::ConfigError,
    remote::{JwksSource, KeyContext, KeysUnavailable},
    token::{ForeignVerifier, PublicKeys, TokenError, TokenPayload, UnverifiedForeign},
};

/// An issuer that is trusted, as it was checked.
#[derive(Debug)]
pub(crate) struct Trusted {
    verifier: ForeignVerifier,
    mapping: ClaimMapping,
    keys: JwksSource,
}

/// What is known of a token without waiting.
pub(crate) enum Checked {
    Good(TokenPayload),
    Refused(TokenError),
    /// Its key is not there, or there are no keys: they may be fetched.
    NeedsKeys,
}

impl Trusted {
    pub(super) const fn new(verifier: ForeignVerifier, mapping: ClaimMapping, keys: JwksSource) -> Self {
        Self { verifier, mapping, keys }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.verifier.issuer
    }

    /// Tells the source of its keys for whom it works.
    pub(crate) fn prepare(&self, context: KeyContext) -> Result<(), ConfigError> {
        self.keys.prepare(self.issuer(), &self.verifier.algorithms, context)
    }

    pub(crate) const fn keys(&self) -> &JwksSource {
        &self.keys
    }

    /// The longest that one of its tokens can be accepted, in seconds.
    pub(crate) const fn longest(&self) -> u64 {
        self.verifier.longest()
    }

    /// Verifies with the keys that are there.
    pub(crate) fn check(&self, token: UnverifiedForeign<'_>, now: Timestamp) -> Checked {
        let Ok(keys) = self.keys.snapshot(now) else {
            return token.check_header().map_or_else(Checked::Refused, |()| Checked::NeedsKeys);
        };
        match self.verify(token, &keys, now) {
            Ok(payload) => Checked::Good(payload),
            Err(TokenError::UnknownKey) => Checked::NeedsKeys,
            Err(error) => Checked::Refused(error),
        }
    }

    /// Verifies with keys that are fetched now, or were a moment ago.
    pub(crate) async fn refreshed(&self, now: Timestamp) -> Result<Arc<PublicKeys>, KeysUnavailable> {
        self.keys.refreshed(now).await
    }

    pub(crate) fn verify(
        &self,
        token: UnverifiedForeign<'_>,
        keys: &PublicKeys,
        now: Timestamp,
    ) -> Result<TokenPayload, TokenError> {
        self.verifier.verify(token, keys, now, |claims| self.mapping.read(claims))
    }
}
