//! A trusted issuer: its verifier, its keys, and the meaning of its claims.

use std::sync::Arc;

use super::ClaimMapping;
use crate::{
    clock::Timestamp,
    error::ConfigError,
    remote::{JwksSource, KeyContext, KeysUnavailable},
    token::{ForeignVerifier, PublicKeys, TokenError, TokenPayload, UnverifiedForeign},
};

/// A trusted issuer whose settings were checked.
#[derive(Debug)]
pub(crate) struct Trusted {
    verifier: ForeignVerifier,
    mapping: ClaimMapping,
    keys: JwksSource,
}

/// The verdict on a token that is possible without waiting.
pub(crate) enum Checked {
    Good(TokenPayload),
    Refused(TokenError),
    /// The token's key is not available, or no keys are. They may be fetched.
    NeedsKeys,
}

impl Trusted {
    pub(super) const fn new(verifier: ForeignVerifier, mapping: ClaimMapping, keys: JwksSource) -> Self {
        Self { verifier, mapping, keys }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.verifier.issuer
    }

    /// Tells the key source which provider uses it.
    pub(crate) fn prepare(&self, context: KeyContext) -> Result<(), ConfigError> {
        self.keys.prepare(self.issuer(), &self.verifier.algorithms, context)
    }

    pub(crate) const fn keys(&self) -> &JwksSource {
        &self.keys
    }

    /// The longest time in seconds for which one of its tokens can be accepted.
    pub(crate) const fn longest(&self) -> u64 {
        self.verifier.longest()
    }

    /// Verifies with the keys that are available.
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

    /// Fetches the keys, or returns those that were fetched a moment ago.
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
