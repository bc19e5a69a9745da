//! A value in shards, each behind its own lock, and a limit on the number of entries in all of
//! them.

use std::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicUsize, Ordering},
};

use super::bounds::Refused;

/// Enough that sixteen threads seldom contend.
const COUNT: usize = 32;

/// This fraction of the room is reserved for calls that must succeed.
const RESERVED: usize = 16;

/// The index of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardIndex(usize);

/// Shards, chosen by the hash of a key or the bucket of an owner.
pub(super) struct Shards<T> {
    parts: [RwLock<T>; COUNT],
}

impl<T: Default> Shards<T> {
    pub(super) fn new() -> Self {
        Self { parts: std::array::from_fn(|_| RwLock::default()) }
    }

    /// The shard of all owners in a bucket.
    pub(super) fn of_bucket(bucket: u16) -> ShardIndex {
        Self::index_by(bucket.into())
    }

    /// The shard for a hash that the caller has computed.
    pub(super) fn index_by(hash: u64) -> ShardIndex {
        // The remainder is below `COUNT`.
        ShardIndex(usize::try_from(hash % COUNT as u64).unwrap_or(0))
    }

    pub(super) fn indices() -> impl Iterator<Item = ShardIndex> {
        (0..COUNT).map(ShardIndex)
    }

    /// An index is never out of range; the lock may be poisoned.
    pub(super) fn read(&self, at: ShardIndex) -> Result<RwLockReadGuard<'_, T>, Refused> {
        self.parts.get(at.0).and_then(|part| part.read().ok()).ok_or(Refused::Poisoned)
    }

    pub(super) fn write(&self, at: ShardIndex) -> Result<RwLockWriteGuard<'_, T>, Refused> {
        self.parts.get(at.0).and_then(|part| part.write().ok()).ok_or(Refused::Poisoned)
    }
}

/// The number of entries in all shards, and its maximum.
pub(super) struct Room {
    used: AtomicUsize,
    most: usize,
}

impl Room {
    pub(super) const fn new(most: usize) -> Self {
        Self { used: AtomicUsize::new(0), most }
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    pub(super) fn is_full(&self) -> bool {
        self.used() >= self.most
    }

    /// Takes room for one more entry; `false` if there is none.
    pub(super) fn take(&self) -> bool {
        self.take_up_to(1, self.most)
    }

    /// Takes room for `count` more entries; `false` if there is not enough for all of them.
    pub(super) fn take_all(&self, count: usize) -> bool {
        self.take_up_to(count, self.most)
    }

    /// Like [`take_all`](Self::take_all), but leaves a sixteenth of the room free.
    pub(super) fn take_unreserved(&self, count: usize) -> bool {
        self.take_up_to(count, self.most - self.most.div_ceil(RESERVED))
    }

    fn take_up_to(&self, count: usize, most: usize) -> bool {
        let more = |used: usize| used.checked_add(count).filter(|used| *used <= most);
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Gives room back.
    pub(super) fn give_back(&self, count: usize) {
        let fewer = |used: usize| Some(used.saturating_sub(count));
        // The closure never returns `None`.
        let _ = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
    }
}
