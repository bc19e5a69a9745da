//! Logging of unusable hashes: each one once, and a limited number in total.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
};

use super::unusable::Unusable;
use crate::escape::Escaped;

/// The number of unusable hashes that one hasher logs, remembered in 64 KiB at most. Repeated
/// logins, as one user or as many, cannot write more than that.
const MOST_NAMED: usize = 4096;

/// What has been logged, as hashes with a random key.
#[derive(Default)]
pub(super) struct Named {
    state: RandomState,
    seen: Mutex<HashSet<u64>>,
}

impl Named {
    /// Logs that a stored hash cannot be used, unless it was logged before. `whose` is the keyed
    /// hash of the identifier that was typed; without it, hashes are distinguished by their own
    /// text.
    pub(super) fn name(&self, stored: &str, unusable: &Unusable, whose: Option<&str>) {
        let Unusable { scheme, problem, detail } = unusable;
        let about = self.state.hash_one((whose.unwrap_or(stored), scheme, problem));
        let named = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= MOST_NAMED || !seen.insert(about) {
                return;
            }
            seen.len()
        };
        tracing::warn!(
            target: "fauth",
            scheme,
            problem,
            detail = detail.as_deref().map(Escaped).map(tracing::field::display),
            identifier = whose,
            "a stored password hash cannot be used"
        );
        if named == MOST_NAMED {
            tracing::warn!(
                target: "fauth",
                named,
                "too many stored password hashes cannot be used, no more of them are logged: look for them \
                 in the database"
            );
        }
    }
}
