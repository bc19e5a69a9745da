//! Which unusable hashes the log has named: each once, and so many in all.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
};

use super::unusable::Unusable;
use crate::escape::Escaped;

/// So many are named by one hasher, in 64 KiB at most. Somebody who logs in again and again as one
/// user or as many, writes no more than that.
const MOST_NAMED: usize = 4096;

/// What has been named, as hashes with a random key.
#[derive(Default)]
pub(super) struct Named {
    state: RandomState,
    seen: Mutex<HashSet<u64>>,
}

impl Named {
    /// Writes to the log that a stored hash cannot be used, if that is not there yet. `whose` is
    /// the keyed hash of what the user typed; without it, stored hashes are told apart by
    /// themselves.
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
                "stored password hashes that cannot be used are not named any more: look for them in the \
                 database"
            );
        }
    }
}
