//! Each owner's share of the revocations: until when its targets are revoked, and thus how many are
//! revoked now. Only writes use it.
//!
//! A share is not updated when entries are removed. It removes its counts by the same rule, so that
//! it never counts an entry that may be gone. No thread takes two locks in the wrong order: a share
//! is locked first, and the entries are locked while it is held.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard},
};

use super::bounds::{FORGOTTEN_PER_WRITE, Refused, is_forgettable};
use crate::{clock::Timestamp, store::Owner};

/// The number of parts, each behind its own lock.
const PARTS: usize = 32;

pub(super) struct Shares {
    parts: [Mutex<Part>; PARTS],
}

/// The shares of some owners.
#[derive(Default)]
struct Part {
    shares: HashMap<Digest, Share>,
    /// By the latest end in each share.
    leaving: BTreeSet<(Timestamp, Digest)>,
}

type Digest = [u8; 32];

/// How many of an owner's targets are revoked until each time.
type Share = BTreeMap<Timestamp, usize>;

impl Shares {
    pub(super) fn new() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Locks the share of an owner.
    pub(super) fn lock(&self, owner: &Owner<'_>) -> Result<OwnShare<'_>, Refused> {
        let digest = owner.digest();
        let [first, ..] = digest;
        let part = self.parts.get(usize::from(first) % PARTS);
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

    /// Records that a target is revoked until `until`, and was until `before` if it was already
    /// revoked. Removes a few expired counts of this owner and of others.
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

/// The count may be gone, if it has expired.
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

    /// Removes the shares of a few owners without unexpired counts.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = self.leaving.first().filter(|(until, _)| is_forgettable(*until, now));
            let Some(due) = due.copied() else { return };
            self.leaving.remove(&due);
            self.shares.remove(&due.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn owner(number: usize) -> Owner<'static> {
        Owner::new("default", "", format!("user {number}"))
    }

    /// The number of owners and of their ends.
    fn sizes(shares: &Shares) -> (usize, usize) {
        let parts = shares.parts.iter().map(|part| part.lock().unwrap());
        parts.fold((0, 0), |(owners, ends), part| {
            assert_eq!(part.shares.len(), part.leaving.len());
            let own_ends: usize = part.shares.values().map(BTreeMap::len).sum();
            (owners + part.shares.len(), ends + own_ends)
        })
    }

    #[test]
    fn what_is_revoked_longer_is_counted_once() {
        let shares = Shares::new();
        let mut share = shares.lock(&owner(1)).unwrap();
        share.replace(None, at(10), at(0));
        share.replace(None, at(10), at(0));
        share.replace(Some(at(10)), at(20), at(0));
        assert_eq!([0, 9, 10, 19, 20].map(|now| share.live(at(now))), [2, 2, 1, 1, 0]);
        share.replace(Some(at(10)), at(20), at(0));
        assert_eq!([0, 19, 20].map(|now| share.live(at(now))), [2, 2, 0]);
        drop(share);
        assert_eq!(shares.lock(&owner(2)).unwrap().live(at(0)), 0);
        assert_eq!(sizes(&shares), (1, 1));
    }

    /// Uses the same rule as the entries, so that neither outlives the other for long.
    #[test]
    fn what_is_over_for_an_hour_is_forgotten() {
        let shares = Shares::new();
        for second in 0..100 {
            let mut share = shares.lock(&owner(1)).unwrap();
            share.replace(None, at(second + 1), at(second));
        }
        assert_eq!(sizes(&shares), (1, 100));
        for step in 0..40 {
            shares.lock(&owner(1)).unwrap().replace(None, at(10 * HOUR), at(2 * HOUR + step));
        }
        assert_eq!(sizes(&shares), (1, 1));
        assert_eq!(shares.lock(&owner(1)).unwrap().live(at(2 * HOUR)), 40);
    }

    #[test]
    fn owners_of_whom_nothing_is_kept_are_forgotten() {
        let shares = Shares::new();
        for number in 0..500 {
            shares.lock(&owner(number)).unwrap().replace(None, at(10), at(0));
        }
        assert_eq!(sizes(&shares).0, 500);
        for number in 1000..1500 {
            shares.lock(&owner(number)).unwrap().replace(None, at(10 * HOUR), at(9 + HOUR));
        }
        assert_eq!(sizes(&shares).0, 1000, "not before their time");
        for number in 2000..3000 {
            shares.lock(&owner(number)).unwrap().replace(None, at(10 * HOUR), at(10 + HOUR));
        }
        assert_eq!(sizes(&shares).0, 1500);
    }

    /// An end that was revoked for longer after it was forgotten is not there to be taken back.
    #[test]
    fn what_was_forgotten_is_counted_anew() {
        let shares = Shares::new();
        let mut share = shares.lock(&owner(1)).unwrap();
        share.replace(None, at(10), at(0));
        share.replace(None, at(30 * HOUR), at(20 * HOUR));
        share.replace(Some(at(10)), at(30 * HOUR), at(20 * HOUR));
        assert_eq!(share.live(at(20 * HOUR)), 2);
    }
}
