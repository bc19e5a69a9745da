//! What is revoked, in memory: many read, one writes.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// A request looks into three or four of them for a moment; a sweep goes through one at a time.
const SHARDS: usize = 64;

/// Something that was revoked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    RevocationTarget { name: &'a [u8], ends: i64 },
    Epoch { subject: &'a [u8], epoch: u64, ends: i64 },
}

/// The same, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) epoch: Option<u64>,
    pub(super) ends: i64,
    pub(super) name: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Shard {
    targets: HashMap<Box<[u8]>, RevocationTarget>,
    epochs: HashMap<Box<[u8]>, Epoch>,
}

/// `round` is when the entry was last heard of: an older one than that of the last snapshot was not in Redis then.
#[derive(Debug)]
struct RevocationTarget {
    ends: i64,
    round: u32,
}

#[derive(Debug)]
struct Epoch {
    value: u64,
    ends: i64,
    round: u32,
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
    /// Until when a target is revoked.
    pub(super) fn end_of(&self, target: &[u8]) -> Option<i64> {
        read(self.shard(target), |shard| shard.targets.get(target).map(|entry| entry.ends))
    }

    /// The epoch of a subject, 0 if none is in force at `now`.
    pub(super) fn epoch_of(&self, subject: &[u8], now: i64) -> u64 {
        read(self.shard(subject), |shard| match shard.epochs.get(subject) {
            Some(entry) if entry.ends > now => entry.value,
            _ => 0,
        })
    }

    /// Adds or prolongs; nothing is ever taken back.
    pub(super) fn note(&self, change: Change<'_>) {
        let round = self.round.load(Ordering::Relaxed);
        match change {
            Change::RevocationTarget { name, ends } => write(self.shard(name), |shard| {
                if let Some(entry) = shard.targets.get_mut(name) {
                    *entry = RevocationTarget { ends: entry.ends.max(ends), round };
                } else {
                    shard.targets.insert(name.into(), RevocationTarget { ends, round });
                }
            }),
            Change::Epoch { subject, epoch, ends } => write(self.shard(subject), |shard| {
                if let Some(entry) = shard.epochs.get_mut(subject) {
                    *entry = Epoch { value: entry.value.max(epoch), ends: entry.ends.max(ends), round };
                } else {
                    shard.epochs.insert(subject.into(), Epoch { value: epoch, ends, round });
                }
            }),
        }
    }

    /// A snapshot begins.
    pub(super) fn next_round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// What was not heard of since the snapshot began, and is not over.
    pub(super) fn unheard(&self, now: i64) -> Vec<Entry> {
        let round = self.round.load(Ordering::Relaxed);
        let mut entries = Vec::new();
        for shard in &self.shards {
            read(shard, |shard| {
                let targets =
                    shard.targets.iter().filter(|(_, entry)| entry.round != round && entry.ends > now);
                entries.extend(targets.map(|(name, entry)| Entry {
                    epoch: None,
                    ends: entry.ends,
                    name: name.clone(),
                }));
                let epochs =
                    shard.epochs.iter().filter(|(_, entry)| entry.round != round && entry.ends > now);
                entries.extend(epochs.map(|(name, entry)| Entry {
                    epoch: Some(entry.value),
                    ends: entry.ends,
                    name: name.clone(),
                }));
            });
        }
        entries
    }

    /// Forgets in one shard what ended before `before`.
    pub(super) fn sweep(&self, turn: usize, before: i64) {
        let Some(shard) = self.shards.get(turn % SHARDS) else { return };
        write(shard, |shard| {
            shard.targets.retain(|_, entry| entry.ends >= before);
            shard.epochs.retain(|_, entry| entry.ends >= before);
        });
    }

    /// By the end of the name: the ends of ids are random, and those of numbered subjects differ.
    fn shard(&self, name: &[u8]) -> &RwLock<Shard> {
        let sum =
            name.iter().rev().take(8).fold(0_usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(*byte));
        let [first, ..] = &self.shards;
        self.shards.get(sum % SHARDS).unwrap_or(first)
    }
}

/// A thread that panicked has left whole entries behind: they are used.
fn read<T>(shard: &RwLock<Shard>, look: impl FnOnce(&Shard) -> T) -> T {
    look(&shard.read().unwrap_or_else(PoisonError::into_inner))
}

fn write(shard: &RwLock<Shard>, change: impl FnOnce(&mut Shard)) {
    change(&mut shard.write().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &[u8], ends: i64) -> Change<'_> {
        Change::RevocationTarget { name, ends }
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
            table.note(Change::Epoch { subject: b"alice", epoch, ends });
        }
        assert_eq!((table.epoch_of(b"alice", 19), table.epoch_of(b"alice", 20)), (9, 0));
        assert_eq!(table.epoch_of(b"bob", 0), 0);
    }

    #[test]
    fn a_sweep_forgets_what_is_over_and_nothing_else() {
        let table = Table::default();
        table.note(target(b"old", 9));
        table.note(target(b"new", 10));
        table.note(Change::Epoch { subject: b"old", epoch: 1, ends: 9 });
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
        table.note(Change::Epoch { subject: b"alice", epoch: 3, ends: 99 });
        table.next_round();
        table.note(target(b"there", 50));
        let mut unheard = table.unheard(10);
        unheard.sort_by_key(|entry| entry.epoch);
        let entry = |name: &[u8], epoch| Entry { epoch, ends: 99, name: name.into() };
        assert_eq!(unheard, [entry(b"lost!", None), entry(b"alice", Some(3))]);
    }
}
