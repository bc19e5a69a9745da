//! The outcome of a check that was passed.

use std::{fmt, sync::Arc};

use crate::{password::OnBehalfOf, reply::ResponseHeader, token::TokenPayload};

/// A request that was let in: its user, its token, and what the response must say because of it. Only a check makes one.
pub struct Granted<U> {
    provider: u64,
    user: Arc<U>,
    payload: Arc<TokenPayload>,
    no_store: bool,
}

impl<U> Granted<U> {
    pub(super) const fn new(provider: u64, user: Arc<U>, payload: Arc<TokenPayload>, no_store: bool) -> Self {
        Self { provider, user, payload, no_store }
    }

    pub(super) const fn provider(&self) -> u64 {
        self.provider
    }

    /// The user, as the loader gave it.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// The verified token.
    #[must_use]
    pub const fn payload(&self) -> &Arc<TokenPayload> {
        &self.payload
    }

    /// Are these the outcome of one and the same check? For adapters, which keep a grant with its request.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.provider == other.provider && Arc::ptr_eq(&self.payload, &other.payload)
    }

    /// The headers that the response must carry. Adapters set them, replacing what the handler may have set.
    #[must_use]
    pub fn response_headers(&self) -> Vec<ResponseHeader> {
        if self.no_store { vec![ResponseHeader::new("cache-control", "no-store")] } else { Vec::new() }
    }
}

impl<'a, U> From<&'a Granted<U>> for OnBehalfOf<'a> {
    fn from(granted: &'a Granted<U>) -> Self {
        Self::User(granted.payload.subject())
    }
}

impl<U> Clone for Granted<U> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider,
            user: Arc::clone(&self.user),
            payload: Arc::clone(&self.payload),
            no_store: self.no_store,
        }
    }
}

impl<U> fmt::Debug for Granted<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("payload", &self.payload).finish_non_exhaustive()
    }
}
