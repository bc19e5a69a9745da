//! Rows that are found by their key and by their owner, and leave by themselves.
//!
//! All rows of an owner are in one shard behind one lock, so that a step that sees several of them, or changes some, is atomic. Where the row of a key
//! is, a second set of shards knows: the routes. A route is taken before its row is put and given back after the row has gone, and a key with a route
//! is never put again. So at any time a key has one row at most, and no two locks are ever held at once.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    hash::Hash,
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    FORGOTTEN_PER_WRITE, Refused, is_forgettable,
    shards::{Room, ShardIndex, Shards},
};
use crate::clock::Timestamp;

/// What a table keeps.
pub(super) trait Row {
    /// With whom it is listed. A row without an owner is a mark that something was here; it gives way when the room is needed.
    fn owner(&self) -> Option<&str>;

    /// When it is past its time. May move on while the row is kept.
    fn leaves_at(&self) -> Timestamp;
}

/// The rows, in shards by owner.
pub(super) struct Table<K, R> {
    routes: Shards<HashMap<Arc<K>, ShardIndex>>,
    shards: Shards<Shard<K, R>>,
    room: Room,
}

/// The keys of rows that have gone, and whose routes are to go too.
type Gone<K> = SmallVec<[Arc<K>; FORGOTTEN_PER_WRITE]>;

impl<K: Hash + Ord, R: Row> Table<K, R> {
    pub(super) fn new(most: usize) -> Self {
        Self { routes: Shards::new(), shards: Shards::new(), room: Room::new(most) }
    }

    pub(super) fn len(&self) -> usize {
        self.room.used()
    }

    /// One atomic step on the rows of the owner of a new key. `step` may put the key, and nothing but that key.
    pub(super) fn insert<T>(
        &self,
        key: &Arc<K>,
        owner: &str,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        self.take_room(now)?;
        let at = self.shards.index_of(owner);
        if let Err(refused) = self.take_route(key, at) {
            self.room.give_back(1);
            return Err(refused);
        }
        let put = |shard: &mut Shard<K, R>| (step(shard), shard.rows.contains_key(&**key));
        let done = self.change(at, now, put);
        if !matches!(done, Ok((_, true))) {
            self.give_back([key]);
        }
        done.map(|(answer, _)| answer)
    }

    /// One atomic step on the rows of an owner.
    pub(super) fn of_owner<T>(
        &self,
        owner: &str,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        self.change(self.shards.index_of(owner), now, step)
    }

    /// One atomic step on the row of a key, if there is a route to it; the row itself may have gone.
    pub(super) fn of_key<T>(
        &self,
        key: &K,
        now: Option<Timestamp>,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<Option<T>, Refused> {
        let Some(at) = self.route(key)? else { return Ok(None) };
        // Without a time nothing is past its time.
        let now = now.unwrap_or(Timestamp::from_unix_seconds(i64::MIN));
        self.change(at, now, step).map(Some)
    }

    /// Looks at the rows of an owner.
    pub(super) fn read_owner<T>(
        &self,
        owner: &str,
        look: impl FnOnce(&Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        Ok(look(&*self.shards.read(self.shards.index_of(owner))?))
    }

    /// Looks at the row of a key.
    pub(super) fn read_key<T>(&self, key: &K, look: impl FnOnce(&R) -> T) -> Result<Option<T>, Refused> {
        let Some(at) = self.route(key)? else { return Ok(None) };
        Ok(self.shards.read(at)?.rows.get(key).map(|kept| look(&kept.row)))
    }

    fn route(&self, key: &K) -> Result<Option<ShardIndex>, Refused> {
        Ok(self.routes.read(self.routes.index_of(key))?.get(key).copied())
    }

    fn take_route(&self, key: &Arc<K>, at: ShardIndex) -> Result<(), Refused> {
        match self.routes.write(self.routes.index_of(&**key))?.entry(Arc::clone(key)) {
            Entry::Occupied(_) => Err(Refused::Known),
            Entry::Vacant(vacant) => {
                vacant.insert(at);
                Ok(())
            }
        }
    }

    /// Runs a step, forgets a little, and gives back the room and the routes of what has gone.
    fn change<T>(
        &self,
        at: ShardIndex,
        now: Timestamp,
        step: impl FnOnce(&mut Shard<K, R>) -> T,
    ) -> Result<T, Refused> {
        let (answer, gone) = {
            let mut shard = self.shards.write(at)?;
            let answer = step(&mut shard);
            shard.forget(now);
            (answer, std::mem::take(&mut shard.gone))
        };
        self.give_back(gone.iter());
        Ok(answer)
    }

    fn give_back<'a>(&self, keys: impl IntoIterator<Item = &'a Arc<K>>)
    where
        K: 'a,
    {
        for key in keys {
            // A route that stays because its lock is poisoned leads to no row; whoever asks for it is refused anyway.
            if let Ok(mut routes) = self.routes.write(self.routes.index_of(&**key)) {
                routes.remove(&**key);
            }
            self.room.give_back(1);
        }
    }

    /// Room for one more. If there is none, each shard in turn gives up what it may.
    fn take_room(&self, now: Timestamp) -> Result<(), Refused> {
        if self.room.take() {
            return Ok(());
        }
        for at in Shards::<Shard<K, R>>::indices() {
            self.change(at, now, |shard| {
                shard.forget(now);
                if shard.gone.is_empty() {
                    shard.drop_mark();
                }
            })?;
            if self.room.take() {
                return Ok(());
            }
        }
        Err(Refused::Full)
    }
}

/// Rows of some owners.
pub(super) struct Shard<K, R> {
    rows: HashMap<Arc<K>, Kept<R>>,
    by_owner: HashMap<Box<str>, BTreeSet<Arc<K>>>,
    /// Those with an owner, by the time at which to look whether they are past their time.
    leaving: BTreeSet<(Timestamp, Arc<K>)>,
    /// Those without.
    marks: BTreeSet<(Timestamp, Arc<K>)>,
    gone: Gone<K>,
}

struct Kept<R> {
    row: R,
    /// Where it stands in its queue. The row may have moved on since: the queue follows when the time has come.
    queued_at: Timestamp,
}

impl<K, R> Default for Shard<K, R> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            by_owner: HashMap::new(),
            leaving: BTreeSet::new(),
            marks: BTreeSet::new(),
            gone: Gone::new(),
        }
    }
}

impl<K: Hash + Ord, R: Row> Shard<K, R> {
    /// The row of a key.
    pub(super) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key).map(|kept| &kept.row)
    }

    /// The row of a key, to be changed in all but its owner.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut R> {
        self.rows.get_mut(key).map(|kept| &mut kept.row)
    }

    /// The keys and rows of an owner.
    pub(super) fn of(&self, owner: &str) -> impl Iterator<Item = (&Arc<K>, &R)> {
        let keys = self.by_owner.get(owner).into_iter().flatten();
        keys.filter_map(|key| self.rows.get(key).map(|kept| (key, &kept.row)))
    }

    /// Puts the row of a key, in place of one that may be there.
    pub(super) fn put(&mut self, key: Arc<K>, row: R) -> Option<R> {
        let before = self.unlink(&key);
        let queued_at = row.leaves_at();
        if let Some(owner) = row.owner() {
            self.leaving.insert((queued_at, Arc::clone(&key)));
            // Not by `entry`: that would copy the name each time.
            if let Some(keys) = self.by_owner.get_mut(owner) {
                keys.insert(Arc::clone(&key));
            } else {
                self.by_owner.insert(owner.into(), BTreeSet::from([Arc::clone(&key)]));
            }
        } else {
            self.marks.insert((queued_at, Arc::clone(&key)));
        }
        self.rows.insert(key, Kept { row, queued_at });
        before
    }

    /// Takes a row out.
    pub(super) fn take(&mut self, key: &Arc<K>) -> Option<R> {
        let row = self.unlink(key)?;
        self.gone.push(Arc::clone(key));
        Some(row)
    }

    fn unlink(&mut self, key: &Arc<K>) -> Option<R> {
        let kept = self.rows.remove(&**key)?;
        let place = (kept.queued_at, Arc::clone(key));
        if let Some(owner) = kept.row.owner() {
            self.leaving.remove(&place);
            if let Some(keys) = self.by_owner.get_mut(owner) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        } else {
            self.marks.remove(&place);
        }
        Some(kept.row)
    }

    /// Looks at a few that may be past their time, and drops those that are.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = [self.leaving.first(), self.marks.first()].into_iter().flatten().min();
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

    /// Drops the mark that would leave first.
    fn drop_mark(&mut self) {
        if let Some((_, key)) = self.marks.first() {
            let key = Arc::clone(key);
            self.take(&key);
        }
    }
}
