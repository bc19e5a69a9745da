//! Notices refused credentials that somebody swallows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::reason::Rejection;
use crate::{escape::Escaped, request::RequestHead};

/// Sees to it that the refusal of an extractor is looked at: for the errors of adapters.
///
/// Frameworks make `None` of an extractor's error where a handler takes an `Option`, so that a
/// forged or expired token counts as none at all, and no library can forbid it. When a refusal is
/// dropped that nobody has answered with or asked for its reason, the log says so, once in a
/// process.
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
    /// Watches over this refusal. A request that presents nothing is nobody's; whoever takes it for
    /// that swallows nothing.
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

    /// For refusals that may be dropped.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Somebody answers with the refusal, or has asked for its reason.
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
             token counts as none; take `MaybeUser`. This is said once",
        );
    }
}
