//! A value in parts, each behind a lock of its own; and a bound on how much all of them hold.

use std::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicUsize, Ordering},
};

use super::bounds::Refused;

/// Enough that sixteen threads seldom meet.
const COUNT: usize = 32;

/// One part in so many of the room is kept for those who must find some.
const RESERVED: usize = 16;

/// Which part something is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardIndex(usize);

/// Parts, chosen by the hash of a key or the bucket of an owner.
pub(super) struct Shards<T> {
    parts: [RwLock<T>; COUNT],
}

impl<T: Default> Shards<T> {
    pub(super) fn new() -> Self {
        Self { parts: std::array::from_fn(|_| RwLock::default()) }
    }

    /// The part of all owners of a bucket.
    pub(super) fn of_bucket(bucket: u16) -> ShardIndex {
        Self::index_by(bucket.into())
    }

    /// By a hash that the caller has made.
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

/// How many entries there are, over all parts, and how many there may be.
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

    /// Takes the room for one more, if there is any.
    pub(super) fn take(&self) -> bool {
        self.take_up_to(1, self.most)
    }

    /// Takes the room for some more, if there is any for all of them.
    pub(super) fn take_all(&self, count: usize) -> bool {
        self.take_up_to(count, self.most)
    }

    /// As [`take_all`](Self::take_all), but leaves a sixteenth of the room to others.
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
        // It never answers `None`.
        let _ = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
    }
}
