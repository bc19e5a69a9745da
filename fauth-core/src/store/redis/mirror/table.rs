//! The revocations in memory: many readers, one writer.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// A request reads three or four of them for a moment; a sweep goes through one at a time.
const SHARDS: usize = 64;

/// A revoked target or a raised epoch. The key is that of the target; for an epoch, that of
/// [`RevocationTarget::Subject`](crate::store::RevocationTarget::Subject) for its owner.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Target { key: &'a [u8], ends: i64 },
    Epoch { key: &'a [u8], epoch: u64, ends: i64 },
}

impl Change<'_> {
    pub(super) const fn key(&self) -> &[u8] {
        match self {
            Self::Target { key, .. } | Self::Epoch { key, .. } => key,
        }
    }
}

/// An entry that a snapshot did not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// `None` for a revoked target.
    pub(super) epoch: Option<u64>,
    pub(super) ends: i64,
    pub(super) key: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Shard {
    targets: HashMap<Box<[u8]>, Entry>,
    epochs: HashMap<Box<[u8]>, Entry>,
}

/// A revoked target or an epoch.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// 0 for a revoked target.
    epoch: u64,
    ends: i64,
    /// The round in which the entry was last heard of. If that is before the last snapshot's round,
    /// the entry was not in Redis then.
    round: u32,
}

impl Entry {
    fn merged_with(self, other: Self) -> Self {
        Self {
            epoch: self.epoch.max(other.epoch),
            ends: self.ends.max(other.ends),
            round: self.round.max(other.round),
        }
    }
}

#[derive(Debug)]
pub(super) struct Table {
    shards: [RwLock<Shard>; SHARDS],
    round: AtomicU32,
}

impl Default for Table {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), round: AtomicU32::new(0) }
    }
}

impl Table {
    /// Returns until when a target is revoked.
    pub(super) fn end_of(&self, target: &[u8]) -> Option<i64> {
        read(self.shard(target), |shard| shard.targets.get(target).map(|entry| entry.ends))
    }

    /// Returns the epoch of an owner, or 0 if none is in force at `now`.
    pub(super) fn epoch_of(&self, owner: &[u8], now: i64) -> u64 {
        read(self.shard(owner), |shard| match shard.epochs.get(owner) {
            Some(entry) if entry.ends > now => entry.epoch,
            _ => 0,
        })
    }

    /// Adds or extends an entry; nothing is ever removed or shortened.
    pub(super) fn note(&self, change: Change<'_>) {
        let round = self.round.load(Ordering::Relaxed);
        match change {
            Change::Target { key, ends } => write(self.shard(key), |shard| {
                merge(&mut shard.targets, key, Entry { epoch: 0, ends, round });
            }),
            Change::Epoch { key, epoch, ends } => write(self.shard(key), |shard| {
                merge(&mut shard.epochs, key, Entry { epoch, ends, round });
            }),
        }
    }

    /// Marks the beginning of a snapshot.
    pub(super) fn next_round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the entries that the snapshot did not contain and that have not expired.
    pub(super) fn missing(&self, now: i64) -> Vec<Missing> {
        let round = self.round.load(Ordering::Relaxed);
        let is_missing = |entry: &Entry| entry.round != round && entry.ends > now;
        let mut missing = Vec::new();
        let mut add = |key: &[u8], ends, epoch| missing.push(Missing { epoch, ends, key: key.into() });
        for shard in &self.shards {
            read(shard, |shard| {
                for (key, entry) in shard.targets.iter().filter(|(_, entry)| is_missing(entry)) {
                    add(key, entry.ends, None);
                }
                for (key, entry) in shard.epochs.iter().filter(|(_, entry)| is_missing(entry)) {
                    add(key, entry.ends, Some(entry.epoch));
                }
            });
        }
        missing
    }

    /// Removes the entries of one shard that ended before `before`.
    pub(super) fn sweep(&self, turn: usize, before: i64) {
        let Some(shard) = self.shards.get(turn % SHARDS) else { return };
        write(shard, |shard| {
            shard.targets.retain(|_, entry| entry.ends >= before);
            shard.epochs.retain(|_, entry| entry.ends >= before);
        });
    }

    /// Chosen by the end of the key: ids are random, and numbered subjects differ at their ends.
    fn shard(&self, key: &[u8]) -> &RwLock<Shard> {
        let sum =
            key.iter().rev().take(8).fold(0_usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(*byte));
        let [first, ..] = &self.shards;
        self.shards.get(sum % SHARDS).unwrap_or(first)
    }
}

fn merge(entries: &mut HashMap<Box<[u8]>, Entry>, key: &[u8], entry: Entry) {
    match entries.get_mut(key) {
        Some(known) => *known = known.merged_with(entry),
        None => {
            entries.insert(key.into(), entry);
        }
    }
}

/// A panic leaves only complete entries behind, so a poisoned lock is used.
fn read<T>(shard: &RwLock<Shard>, look: impl FnOnce(&Shard) -> T) -> T {
    look(&shard.read().unwrap_or_else(PoisonError::into_inner))
}

fn write(shard: &RwLock<Shard>, change: impl FnOnce(&mut Shard)) {
    change(&mut shard.write().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(key: &[u8], ends: i64) -> Change<'_> {
        Change::Target { key, ends }
    }

    #[test]
    fn an_entry_is_prolonged_and_never_shortened() {
        let table = Table::default();
        assert_eq!(table.end_of(b"jti:a"), None);
        for (ends, expected) in [(10, 10), (20, 20), (5, 20)] {
            table.note(target(b"jti:a", ends));
            assert_eq!(table.end_of(b"jti:a"), Some(expected));
        }
        assert_eq!(table.end_of(b"jti:b"), None);
        for (epoch, ends) in [(7, 10), (9, 20), (8, 5)] {
            table.note(Change::Epoch { key: b"alice", epoch, ends });
        }
        assert_eq!((table.epoch_of(b"alice", 19), table.epoch_of(b"alice", 20)), (9, 0));
        assert_eq!(table.epoch_of(b"bob", 0), 0);
    }

    #[test]
    fn a_sweep_forgets_what_is_over_and_nothing_else() {
        let table = Table::default();
        table.note(target(b"old", 9));
        table.note(target(b"new", 10));
        table.note(Change::Epoch { key: b"old", epoch: 1, ends: 9 });
        for turn in 0..SHARDS {
            table.sweep(turn, 10);
        }
        assert_eq!((table.end_of(b"old"), table.end_of(b"new")), (None, Some(10)));
        assert_eq!(table.epoch_of(b"old", 0), 0);
    }

    #[test]
    fn what_a_snapshot_did_not_have_is_told() {
        let table = Table::default();
        for name in [b"there", b"lost!", b"over!"] {
            table.note(target(name, if name == b"over!" { 10 } else { 99 }));
        }
        table.note(Change::Epoch { key: b"alice", epoch: 3, ends: 99 });
        table.next_round();
        table.note(target(b"there", 50));
        let mut missing = table.missing(10);
        missing.sort_by_key(|entry| entry.epoch);
        let entry = |name: &[u8], epoch| Missing { epoch, ends: 99, key: name.into() };
        assert_eq!(missing, [entry(b"lost!", None), entry(b"alice", Some(3))]);
    }
}
