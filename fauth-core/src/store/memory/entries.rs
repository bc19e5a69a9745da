//! What is revoked, and the epochs that were raised. The check is on the path of every guarded
//! request: no allocation, one short lock for each target, and none while nothing is revoked.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use smallvec::SmallVec;

use super::{
    bounds::{FORGOTTEN_PER_WRITE, Refused, is_forgettable},
    shards::{Room, ShardIndex, Shards},
};
use crate::{
    clock::Timestamp,
    store::{Owner, RevocationTarget, raised_epoch},
};

/// Stands for "not known yet".
const NEVER: i64 = i64::MIN;

/// A key of up to this many bytes needs no allocation.
const INLINE_KEY: usize = 512;

/// What is revoked, and the epochs that were raised.
pub(super) struct Entries {
    shards: Shards<Shard>,
    room: Room,
    /// Since when the store remembers.
    since: AtomicI64,
    /// The latest time of an entry that was forgotten.
    forgotten: AtomicI64,
}

type Key = Arc<[u8]>;

#[derive(Default)]
struct Shard {
    entries: HashMap<Key, Entry>,
    leaving: BTreeSet<(Timestamp, Key)>,
}

#[derive(Clone, Copy)]
struct Entry {
    until: Timestamp,
    /// 0 for a revoked target.
    epoch: u64,
}

impl Entries {
    pub(super) fn new(most: usize, since: Option<Timestamp>) -> Self {
        Self {
            shards: Shards::new(),
            room: Room::new(most),
            since: AtomicI64::new(since.map_or(NEVER, Timestamp::unix_seconds)),
            forgotten: AtomicI64::new(NEVER),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.room.used()
    }

    /// Every call to the store says what time it is. The first one says since when it remembers;
    /// one from before something that is forgotten already makes it begin anew.
    pub(super) fn witness(&self, now: Timestamp) {
        let now = now.unix_seconds();
        if self.since.load(Ordering::SeqCst) == NEVER {
            // Whoever comes second finds it set.
            let _ = self.since.compare_exchange(NEVER, now, Ordering::SeqCst, Ordering::SeqCst);
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        if now < forgotten {
            // In this order: nobody may see neither the gap nor the new beginning.
            self.since.fetch_max(now, Ordering::SeqCst);
            let _ = self.forgotten.compare_exchange(forgotten, NEVER, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    fn find(&self, key: &[u8]) -> Result<Option<Entry>, Refused> {
        Ok(self.shards.read(shard_of(key))?.entries.get(key).copied())
    }

    /// Changes the entry of a key, and forgets a few others.
    fn change(
        &self,
        key: &[u8],
        now: Timestamp,
        next: impl FnOnce(Option<Entry>) -> Result<Entry, Refused>,
    ) -> Result<Entry, Refused> {
        if self.room.is_full() {
            self.make_room(now)?;
        }
        let mut shard = self.shards.write(shard_of(key))?;
        let before = shard.entries.get(key).copied();
        let entry = next(before)?;
        if before.is_none() && !self.room.take() {
            return Err(Refused::Full);
        }
        shard.put(key, entry);
        self.forget(&mut shard, now);
        Ok(entry)
    }

    fn make_room(&self, now: Timestamp) -> Result<(), Refused> {
        for at in Shards::<Shard>::indices() {
            self.forget(&mut *self.shards.write(at)?, now);
        }
        Ok(())
    }

    /// Drops a few that are past their time.
    fn forget(&self, entries: &mut Shard, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = entries.leaving.first().filter(|(until, _)| is_forgettable(*until, now));
            let Some(due) = due.cloned() else { return };
            // Before the entry goes: whoever does not find it must find this.
            self.forgotten.fetch_max(due.0.unix_seconds(), Ordering::SeqCst);
            entries.entries.remove(&due.1);
            entries.leaving.remove(&due);
            self.room.give_back(1);
        }
    }

    pub(super) fn is_revoked(
        &self,
        owner: &Owner<'_>,
        target: &RevocationTarget<'_>,
        now: Timestamp,
    ) -> Result<bool, Refused> {
        let entry = target.with_key(owner, |key| self.find(&target_key(key)))?;
        Ok(entry.is_some_and(|entry| now < entry.until))
    }

    pub(super) fn epoch_of(&self, owner: &Owner<'_>) -> Result<u64, Refused> {
        Ok(self.find(&epoch_key(owner))?.map_or(0, |entry| entry.epoch))
    }

    pub(super) fn revoke(
        &self,
        owner: &Owner<'_>,
        target: &RevocationTarget<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), Refused> {
        let longer = |before: Option<Entry>| {
            let until = before.map_or(until, |before| before.until.max(until));
            Ok(Entry { until, epoch: 0 })
        };
        target.with_key(owner, |key| self.change(&target_key(key), now, longer)).map(drop)
    }

    pub(super) fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, Refused> {
        let raise = |before: Option<Entry>| {
            let until = before.map_or(until, |before| before.until.max(until));
            let epoch = raised_epoch(before.map(|before| before.epoch), now).ok_or(Refused::LastEpoch)?;
            Ok(Entry { until, epoch })
        };
        self.change(&epoch_key(owner), now, raise).map(|entry| entry.epoch)
    }

    /// Since when the store remembers.
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.since.load(Ordering::SeqCst))
    }
}

impl Shard {
    fn put(&mut self, key: &[u8], entry: Entry) {
        if let Some((key, before)) = self.entries.get_key_value(key) {
            let (key, before) = (Key::clone(key), before.until);
            self.leaving.remove(&(before, Key::clone(&key)));
            self.leaving.insert((entry.until, Key::clone(&key)));
            self.entries.insert(key, entry);
        } else {
            let key = Key::from(key);
            self.leaving.insert((entry.until, Key::clone(&key)));
            self.entries.insert(key, entry);
        }
    }
}

type KeyBuffer = SmallVec<[u8; INLINE_KEY]>;

fn target_key(key: &[u8]) -> KeyBuffer {
    prefixed(b'r', key)
}

/// An epoch is found as the revocation of its owner is, in a name space of its own.
fn epoch_key(owner: &Owner<'_>) -> KeyBuffer {
    RevocationTarget::Subject.with_key(owner, |key| prefixed(b'e', key))
}

/// Where an entry is. The map in there hashes the key with a secret of its own; to do so twice
/// would cost as much as the rest of a check. A stranger who foresees this hash can make threads
/// wait for each other, and nothing else.
fn shard_of(key: &[u8]) -> ShardIndex {
    let end = key.iter().rev().take(8).fold(0_u64, |end, byte| (end << 8) | u64::from(*byte));
    // Only the highest bits of the product depend on all eight bytes.
    Shards::<Shard>::index_by(end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 59)
}

fn prefixed(kind: u8, key: &[u8]) -> KeyBuffer {
    let mut prefixed = KeyBuffer::new();
    prefixed.push(kind);
    prefixed.extend_from_slice(key);
    prefixed
}
