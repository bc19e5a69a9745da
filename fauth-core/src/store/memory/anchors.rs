//! The memory store for mandates: revoked anchors, delegation epochs and used mandates.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use super::{
    bounds::{FORGOTTEN_PER_WRITE, MARGIN, Refused},
    shards::{Room, ShardIndex, Shards},
};
use crate::{
    clock::{Clock, SystemClock},
    store::{
        AnchorState, AnchorStore, ChangeSender, Changes, StoreError, StoreLocation, anchor_lifetime,
        check_anchor,
    },
};

const DEFAULT_ANCHORS: usize = 1_000_000;
const DEFAULT_ZONES: usize = 10_000;
const DEFAULT_SPENT: usize = 1_000_000;

/// Revoked anchors, delegation epochs and used mandates in the memory of this process: for
/// development and tests. Clones share their contents.
///
/// It shares nothing with other instances and keeps nothing across a restart. A provider that is
/// built with it logs a warning.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::store::{AnchorStore, MemoryAnchorStore};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryAnchorStore::new();
/// store.revoke(&["sid_1"], Duration::from_secs(60)).await?;
/// assert!(store.check("zone_prod", &["sid_1"]).await?.is_revoked);
/// # Ok::<(), fauth_core::store::StoreError>(())
/// # }).unwrap();
/// ```
///
/// # Bounds
/// One million anchors, one million ids of used mandates, 10 000 zones; the
/// [builder](Self::builder) changes these limits. Expired entries are removed a few with each
/// write: after an hour, or earlier if the room is needed. A store that is full of other entries
/// refuses further ones with a [`StoreError`].
///
/// # Security
/// After a restart, nothing is revoked: mandates that were revoked before and have not expired are
/// accepted again. Use Redis in production.
#[derive(Clone)]
pub struct MemoryAnchorStore(Arc<Inner>);

struct Inner {
    anchors: Marks,
    epochs: Marks,
    spent: Marks,
    clock: Arc<dyn Clock>,
    changes: ChangeSender,
}

impl MemoryAnchorStore {
    /// Creates an empty store with the default limits and the system clock.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts building an empty store with custom limits or another clock.
    pub fn builder() -> MemoryAnchorStoreBuilder {
        MemoryAnchorStoreBuilder {
            anchors: DEFAULT_ANCHORS,
            zones: DEFAULT_ZONES,
            spent: DEFAULT_SPENT,
            clock: Arc::new(SystemClock),
        }
    }

    /// The number of entries of all kinds, including expired ones that are not yet removed.
    #[must_use]
    pub fn entries(&self) -> usize {
        [&self.0.anchors, &self.0.epochs, &self.0.spent].into_iter().map(|marks| marks.room.used()).sum()
    }

    /// The current time in milliseconds.
    fn now(&self) -> Result<u64, StoreError> {
        self.0.clock.now_precise().map(millis).map_err(StoreError::new)
    }
}

impl Default for MemoryAnchorStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryAnchorStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAnchorStore").field("entries", &self.entries()).finish_non_exhaustive()
    }
}

/// Builds a [`MemoryAnchorStore`] with custom limits or another clock.
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryAnchorStoreBuilder {
    anchors: usize,
    zones: usize,
    spent: usize,
    clock: Arc<dyn Clock>,
}

impl MemoryAnchorStoreBuilder {
    /// Sets the maximum number of revoked anchors. Default: 1 000 000.
    pub fn anchors(mut self, most: usize) -> Self {
        self.anchors = most;
        self
    }

    /// Sets the maximum number of zones with a delegation epoch. Default: 10 000.
    pub fn zones(mut self, most: usize) -> Self {
        self.zones = most;
        self
    }

    /// Sets the maximum number of used mandates that are remembered, for providers that accept each
    /// mandate only once. Default: 1 000 000.
    pub fn spent(mut self, most: usize) -> Self {
        self.spent = most;
        self
    }

    /// Sets the clock by which entries expire. Default: [`SystemClock`]. Use the provider's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the empty store.
    #[must_use]
    pub fn build(self) -> MemoryAnchorStore {
        MemoryAnchorStore(Arc::new(Inner {
            anchors: Marks::new(self.anchors),
            epochs: Marks::new(self.zones),
            spent: Marks::new(self.spent),
            clock: self.clock,
            changes: ChangeSender::new(),
        }))
    }
}

#[async_trait]
impl AnchorStore for MemoryAnchorStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError> {
        let now = self.now()?;
        let mut is_revoked = false;
        for anchor in anchors.iter().filter(|anchor| !anchor.is_empty()) {
            is_revoked |= self.0.anchors.find(anchor, now)?.is_some();
        }
        let epoch = self.0.epochs.find(zone, now)?;
        Ok(AnchorState::new(is_revoked, epoch.map_or(0, |mark| mark.value)))
    }

    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError> {
        let (now, lasting) = (self.now()?, millis(anchor_lifetime(lasting)?));
        anchors.iter().try_for_each(|anchor| check_anchor(anchor))?;
        let until = now.saturating_add(lasting);
        for anchor in anchors.iter().filter(|anchor| !anchor.is_empty()) {
            self.0.anchors.change(anchor, now, |before| {
                before.is_none_or(|before| before.until < until).then_some(Mark { value: 0, until })
            })?;
            self.0.changes.tell(anchor.as_bytes());
        }
        Ok(())
    }

    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError> {
        let (now, lasting) = (self.now()?, millis(anchor_lifetime(lasting)?));
        check_anchor(zone)?;
        let until = now.saturating_add(lasting);
        let mut holds = epoch;
        self.0.epochs.change(zone, now, |before| {
            let Some(before) = before else { return (epoch > 0).then_some(Mark { value: epoch, until }) };
            holds = epoch.max(before.value);
            Some(Mark { value: holds, until: until.max(before.until) })
        })?;
        self.0.changes.tell(zone.as_bytes());
        Ok(holds)
    }

    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError> {
        let (now, lasting) = (self.now()?, millis(anchor_lifetime(lasting)?));
        check_anchor(id)?;
        let until = now.saturating_add(lasting);
        let mut is_first = false;
        self.0.spent.change(id, now, |before| {
            is_first = before.is_none();
            is_first.then_some(Mark { value: 0, until })
        })?;
        Ok(is_first)
    }

    fn changes(&self) -> Option<Changes> {
        Some(self.0.changes.subscribe())
    }
}

/// Lossless within the bounds of lifetimes and clocks.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Names with a number each, which expire.
struct Marks {
    hasher: RandomState,
    shards: Shards<Shard>,
    room: Room,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    value: u64,
    /// The time from which the mark counts as absent, in milliseconds since 1970.
    until: u64,
}

#[derive(Default)]
struct Shard {
    marks: HashMap<Arc<str>, Mark>,
    leaving: BTreeSet<(u64, Arc<str>)>,
}

impl Marks {
    fn new(most: usize) -> Self {
        Self { hasher: RandomState::new(), shards: Shards::new(), room: Room::new(most) }
    }

    fn shard_of(&self, name: &str) -> ShardIndex {
        Shards::<Shard>::index_by(self.hasher.hash_one(name))
    }

    fn find(&self, name: &str, now: u64) -> Result<Option<Mark>, Refused> {
        if self.room.used() == 0 {
            return Ok(None);
        }
        let shard = self.shards.read(self.shard_of(name))?;
        Ok(shard.marks.get(name).copied().filter(|mark| now < mark.until))
    }

    /// Changes the mark of a name in one step, and removes a few expired ones. `next` receives the
    /// unexpired mark and returns the new one; `None` leaves it unchanged.
    fn change(
        &self,
        name: &str,
        now: u64,
        next: impl FnOnce(Option<Mark>) -> Option<Mark>,
    ) -> Result<(), Refused> {
        if self.room.is_full() {
            self.make_room(now)?;
        }
        let mut shard = self.shards.write(self.shard_of(name))?;
        let known = shard.marks.get(name).copied();
        if let Some(mark) = next(known.filter(|mark| now < mark.until)) {
            if known.is_none() && !self.room.take() {
                return Err(Refused::Full);
            }
            shard.put(name, mark);
        }
        self.forget(&mut shard, now.saturating_sub(millis(MARGIN)));
        Ok(())
    }

    /// Removes a few expired marks from each shard, without the usual hour of margin.
    fn make_room(&self, now: u64) -> Result<(), Refused> {
        for at in Shards::<Shard>::indices() {
            self.forget(&mut *self.shards.write(at)?, now);
        }
        Ok(())
    }

    /// Removes a few marks that had expired by then.
    fn forget(&self, shard: &mut Shard, ended_by: u64) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let Some(due) = shard.leaving.first().filter(|(until, _)| *until <= ended_by).cloned() else {
                return;
            };
            shard.leaving.remove(&due);
            shard.marks.remove(&due.1);
            self.room.give_back(1);
        }
    }
}

impl Shard {
    fn put(&mut self, name: &str, mark: Mark) {
        let name = match self.marks.get_key_value(name) {
            Some((name, before)) => {
                let name = Arc::clone(name);
                self.leaving.remove(&(before.until, Arc::clone(&name)));
                name
            }
            None => name.into(),
        };
        self.leaving.insert((mark.until, Arc::clone(&name)));
        self.marks.insert(name, mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn put(marks: &Marks, name: &str, now: u64, until: u64) -> Result<(), Refused> {
        marks.change(name, now, |_| Some(Mark { value: 0, until }))
    }

    #[test]
    fn what_has_ended_gives_way_and_nothing_else_does() {
        let marks = Marks::new(2);
        put(&marks, "a", 0, 10).unwrap();
        put(&marks, "b", 0, 20).unwrap();
        assert!(matches!(put(&marks, "c", 9, 30), Err(Refused::Full)));
        assert!(marks.find("a", 9).unwrap().is_some() && marks.find("a", 10).unwrap().is_none());
        put(&marks, "b", 9, 40).unwrap();
        put(&marks, "c", 10, 30).unwrap();
        assert!(marks.find("b", 39).unwrap().is_some() && marks.find("c", 29).unwrap().is_some());
        assert_eq!(marks.room.used(), 2);
    }

    /// They are still found after the clock jumps back by less than an hour.
    #[test]
    fn what_has_ended_stays_for_an_hour_where_there_is_room() {
        let marks = Marks::new(1000);
        put(&marks, "a", 0, 10).unwrap();
        for round in 0..500 {
            put(&marks, &round.to_string(), 9 + HOUR, 10 * HOUR).unwrap();
        }
        assert!(marks.find("a", 5).unwrap().is_some());
        for round in 500..900 {
            put(&marks, &round.to_string(), 10 + HOUR, 10 * HOUR).unwrap();
        }
        assert!(marks.find("a", 5).unwrap().is_none());
        assert_eq!(marks.room.used(), 900);
    }
}
