//! A table of rows that are found by their key, listed by their owner, and removed after they
//! expire.
//!
//! All rows of an owner are in one shard behind one lock, chosen by the owner's bucket. A step that
//! reads or changes several of them is therefore atomic.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use super::{
    bounds::{FORGOTTEN_PER_WRITE, Refused, is_forgettable},
    shards::{Room, ShardIndex, Shards},
};
use crate::{clock::Timestamp, store::Owner};

/// A row of a table.
pub(super) trait Row {
    /// The owner under whom the row is listed. A row without an owner is a tombstone, and is
    /// removed when the room is needed.
    fn owner(&self) -> Option<&Owner<'static>>;

    /// When the row expires. May be extended while the row is stored.
    fn leaves_at(&self) -> Timestamp;
}

/// The rows, in shards by the bucket of their owner.
pub(super) struct Table<K, R> {
    shards: Shards<Shard<K, R>>,
    room: Room,
}

impl<K: Hash + Ord, R: Row> Table<K, R> {
    pub(super) fn new(most: usize) -> Self {
        Self { shards: Shards::new(), room: Room::new(most) }
    }

    pub(super) fn len(&self) -> usize {
        self.room.used()
    }

    /// Runs one atomic step that may put a row under a new key, and under no other. A key that is
    /// already in use is refused.
    pub(super) fn insert<T>(
        &self,
        bucket: u16,
        key: &Arc<K>,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        self.take_room(now)?;
        let put = |shard: &mut Shard<K, R>| {
            if shard.rows.contains_key(&**key) {
                return (Err(Refused::Known), false);
            }
            let answer = step(shard);
            (Ok(answer), shard.rows.contains_key(&**key))
        };
        let done = self.change(Shards::<Shard<K, R>>::of_bucket(bucket), now, put);
        if !matches!(done, Ok((_, true))) {
            self.room.give_back(1);
        }
        done?.0
    }

    /// Runs one atomic step on the rows of the owners in a bucket.
    pub(super) fn step<T>(
        &self,
        bucket: u16,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        self.change(Shards::<Shard<K, R>>::of_bucket(bucket), now, step)
    }

    /// Reads the rows of the owners in a bucket.
    pub(super) fn look<T>(&self, bucket: u16, look: impl FnOnce(&Shard<K, R>) -> T) -> Result<T, Refused> {
        Ok(look(&*self.shards.read(Shards::<Shard<K, R>>::of_bucket(bucket))?))
    }

    /// Runs a step, removes a few expired rows, and gives back the room of removed ones.
    fn change<T>(
        &self,
        at: ShardIndex,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        let mut shard = self.shards.write(at)?;
        let answer = step(&mut shard);
        shard.forget(now);
        self.room.give_back(std::mem::take(&mut shard.gone));
        Ok(answer)
    }

    /// Takes room for one more row. If there is none, each shard in turn removes what it may.
    fn take_room(&self, now: Timestamp) -> Result<(), Refused> {
        if self.room.take() {
            return Ok(());
        }
        for at in Shards::<Shard<K, R>>::indices() {
            self.change(at, now, |shard| {
                shard.forget(now);
                if shard.gone == 0 {
                    shard.drop_tombstone();
                }
            })?;
            if self.room.take() {
                return Ok(());
            }
        }
        Err(Refused::Full)
    }
}

/// The rows of some owners.
pub(super) struct Shard<K, R> {
    rows: HashMap<Arc<K>, Kept<R>>,
    /// By the digest of an owner: a map whose keys hold `'static` texts cannot be queried with
    /// borrowed ones.
    by_owner: HashMap<[u8; 32], BTreeSet<Arc<K>>>,
    /// The keys of rows with an owner, by the time at which to check whether they have expired.
    leaving: BTreeSet<(Timestamp, Arc<K>)>,
    /// The keys of rows without an owner.
    tombstones: BTreeSet<(Timestamp, Arc<K>)>,
    /// The number of removed rows whose room was not yet given back.
    gone: usize,
}

struct Kept<R> {
    row: R,
    /// The row's position in its queue. The row may have been extended since; the queue follows
    /// when that time comes.
    queued_at: Timestamp,
}

impl<K, R> Default for Shard<K, R> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            by_owner: HashMap::new(),
            leaving: BTreeSet::new(),
            tombstones: BTreeSet::new(),
            gone: 0,
        }
    }
}

impl<K: Hash + Ord, R: Row> Shard<K, R> {
    /// The row of a key.
    pub(super) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key).map(|kept| &kept.row)
    }

    /// The row of a key. Everything but its owner may be changed.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut R> {
        self.rows.get_mut(key).map(|kept| &mut kept.row)
    }

    /// The keys and rows of an owner.
    pub(super) fn of(&self, owner: &Owner<'_>) -> impl Iterator<Item = (&Arc<K>, &R)> {
        let keys = self.by_owner.get(&owner.digest()).into_iter().flatten();
        keys.filter_map(|key| self.rows.get(key).map(|kept| (key, &kept.row)))
    }

    /// Inserts a row under a key and returns the one that it replaces.
    pub(super) fn put(&mut self, key: Arc<K>, row: R) -> Option<R> {
        let before = self.unlink(&key);
        let queued_at = row.leaves_at();
        if let Some(owner) = row.owner() {
            self.leaving.insert((queued_at, Arc::clone(&key)));
            self.by_owner.entry(owner.digest()).or_default().insert(Arc::clone(&key));
        } else {
            self.tombstones.insert((queued_at, Arc::clone(&key)));
        }
        self.rows.insert(key, Kept { row, queued_at });
        before
    }

    /// Removes a row.
    pub(super) fn take(&mut self, key: &Arc<K>) -> Option<R> {
        let row = self.unlink(key)?;
        self.gone += 1;
        Some(row)
    }

    /// Removes every row whose key matches, including tombstones. Reads all rows of the shard.
    pub(super) fn take_all(&mut self, is_meant: impl Fn(&K) -> bool) {
        let keys: Vec<_> = self.rows.keys().filter(|key| is_meant(key)).map(Arc::clone).collect();
        for key in &keys {
            self.take(key);
        }
    }

    fn unlink(&mut self, key: &Arc<K>) -> Option<R> {
        let kept = self.rows.remove(&**key)?;
        let place = (kept.queued_at, Arc::clone(key));
        if let Some(owner) = kept.row.owner() {
            self.leaving.remove(&place);
            let owner = owner.digest();
            if let Some(keys) = self.by_owner.get_mut(&owner) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_owner.remove(&owner);
                }
            }
        } else {
            self.tombstones.remove(&place);
        }
        Some(kept.row)
    }

    /// Checks a few rows that may have expired, and removes those that have.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = [self.leaving.first(), self.tombstones.first()].into_iter().flatten().min();
            let Some((queued_at, key)) = due.filter(|(at, _)| is_forgettable(*at, now)) else { return };
            let (queued_at, key) = (*queued_at, Arc::clone(key));
            match self.rows.get_mut(&*key) {
                Some(kept) if kept.row.leaves_at() > queued_at => {
                    let leaves_at = kept.row.leaves_at();
                    kept.queued_at = leaves_at;
                    self.leaving.remove(&(queued_at, Arc::clone(&key)));
                    self.leaving.insert((leaves_at, key));
                }
                _ => drop(self.take(&key)),
            }
        }
    }

    /// Removes the tombstone that would expire first.
    fn drop_tombstone(&mut self) {
        if let Some((_, key)) = self.tombstones.first() {
            let key = Arc::clone(key);
            self.take(&key);
        }
    }
}
