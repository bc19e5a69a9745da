//! What each owner takes of the revocations: until when its targets are revoked, and so how many
//! are revoked now. Only writes look at it.
//!
//! It does not follow the entries when they are forgotten. It forgets by the same rule, so that it
//! never counts what may be gone, and nobody holds two locks the wrong way round: a share is locked
//! first, and the entries are locked under it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard},
};

use super::bounds::{FORGOTTEN_PER_WRITE, Refused, is_forgettable};
use crate::{clock::Timestamp, store::Owner};

/// In how many parts they are, each behind a lock of its own.
const PARTS: usize = 32;

pub(super) struct Shares {
    parts: [Mutex<Part>; PARTS],
}

/// The shares of some owners.
#[derive(Default)]
struct Part {
    shares: HashMap<Digest, Share>,
    /// By their last end.
    leaving: BTreeSet<(Timestamp, Digest)>,
}

type Digest = [u8; 32];

/// How many of an owner's targets are revoked until each time.
type Share = BTreeMap<Timestamp, usize>;

impl Shares {
    pub(super) fn new() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The share of an owner, for this caller alone.
    pub(super) fn lock(&self, owner: &Owner<'_>) -> Result<OwnShare<'_>, Refused> {
        let digest = owner.digest();
        let part = self.parts.get(usize::from(owner.bucket()) % PARTS);
        let part = part.and_then(|part| part.lock().ok()).ok_or(Refused::Poisoned)?;
        Ok(OwnShare { part, digest })
    }
}

pub(super) struct OwnShare<'a> {
    part: MutexGuard<'a, Part>,
    digest: Digest,
}

impl OwnShare<'_> {
    /// How many targets are revoked at `now`.
    pub(super) fn live(&self, now: Timestamp) -> usize {
        let share = self.part.shares.get(&self.digest).into_iter().flatten();
        share.rev().take_while(|(until, _)| now < **until).map(|(_, count)| count).sum()
    }

    /// One target is revoked until `until`; until `before`, if it was revoked already. Forgets a
    /// few of this owner and of others.
    pub(super) fn replace(&mut self, before: Option<Timestamp>, until: Timestamp, now: Timestamp) {
        let part = &mut *self.part;
        let share = part.shares.entry(self.digest).or_default();
        let last = share.last_key_value().map(|(last, _)| *last);
        if let Some(before) = before {
            take_one(share, before);
        }
        *share.entry(until).or_default() += 1;
        for _ in 0..FORGOTTEN_PER_WRITE {
            match share.first_entry() {
                Some(first) if is_forgettable(*first.key(), now) => drop(first.remove()),
                _ => break,
            }
        }
        let leaves_at = share.last_key_value().map(|(last, _)| *last);
        part.move_in_queue(self.digest, last, leaves_at);
        part.forget(now);
    }
}

/// It may be gone, if it was forgotten.
fn take_one(share: &mut Share, until: Timestamp) {
    if let Some(count) = share.get_mut(&until) {
        *count -= 1;
        if *count == 0 {
            share.remove(&until);
        }
    }
}

impl Part {
    fn move_in_queue(&mut self, digest: Digest, from: Option<Timestamp>, to: Option<Timestamp>) {
        if from != to {
            if let Some(from) = from {
                self.leaving.remove(&(from, digest));
            }
            if let Some(to) = to {
                self.leaving.insert((to, digest));
            }
        }
        if to.is_none() {
            self.shares.remove(&digest);
        }
    }

    /// Drops the shares of a few owners of whom nothing is kept any more.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = self.leaving.first().filter(|(until, _)| is_forgettable(*until, now));
            let Some(due) = due.copied() else { return };
            self.leaving.remove(&due);
            self.shares.remove(&due.1);
        }
    }
}
