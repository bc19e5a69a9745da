//! Detects refused credentials that a handler ignores.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::reason::Rejection;
use crate::{escape::Escaped, request::RequestHead};

/// Detects a dropped refusal of an extractor; for the error types of adapters.
///
/// If a handler takes an `Option`, frameworks turn an extractor's error into `None`. A forged or
/// expired token then counts as no token, and a library cannot prevent it. If a refusal is dropped
/// without being returned or inspected, a warning is logged, once per process.
#[derive(Debug, Clone)]
pub struct Watch(Option<Arc<Watched>>);

#[derive(Debug)]
struct Watched {
    reason: &'static str,
    method: Box<str>,
    path: Box<str>,
    seen: AtomicBool,
}

impl Watch {
    /// Watches this refusal. A request without a credential is not watched: treating it as
    /// anonymous ignores nothing.
    #[must_use]
    pub fn over(rejection: &Rejection, head: &dyn RequestHead) -> Self {
        if matches!(rejection, Rejection::MissingCredential | Rejection::Misconfigured(_)) {
            return Self::none();
        }
        Self(Some(Arc::new(Watched {
            reason: rejection.reason(),
            method: Escaped(head.method()).to_string().into(),
            path: Escaped(head.path()).to_string().into(),
            seen: AtomicBool::new(false),
        })))
    }

    /// A watch for refusals that may be dropped.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Marks the refusal as returned or inspected.
    pub fn seen(&self) {
        if let Some(watched) = &self.0 {
            watched.seen.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        static TOLD: AtomicBool = AtomicBool::new(false);
        if *self.seen.get_mut() || TOLD.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            target: "fauth",
            event = "refusal_swallowed",
            reason = self.reason,
            method = %self.method,
            path = %self.path,
            "an extractor has refused the credential of this request, and the handler runs all the same: it \
             takes `Option<CurrentUser>` or `Result<CurrentUser, _>`, so that a forged, expired or revoked \
             token counts as none; take `MaybeUser` instead. This warning is logged once per process",
        );
    }
}
