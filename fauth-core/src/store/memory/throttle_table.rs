//! Login-throttle records in the memory of this process.
//!
//! Each kind of record has a table of bounded size, in parts behind a lock each. A full part drops
//! the record that is closest to its end: the one with the fewest failures. To make an account's
//! failures disappear, an attacker has to fail just as often at as many other accounts as there is
//! room for.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::RandomState,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use super::bounds::Refused;
use crate::{
    clock::Timestamp,
    store::{StoreError, StoreLocation, ThrottleKey, ThrottleKind, ThrottleRecord, ThrottleStore},
};

const KINDS: usize = 3;
const PARTS: usize = 16;
/// Of each kind.
const DEFAULT_RECORDS: usize = 100_000;

/// Records of a login throttle in the memory of this process. Clones share their contents.
///
/// Each provider has one, and so does a [`MemoryStore`](crate::MemoryStore). It applies to one
/// instance: `n` instances with separate records allow `n` times as much.
///
/// # Bounds
/// 100 000 records of each [kind](ThrottleKind), of at most a kilobyte each and usually less than a
/// hundred bytes. Beyond that, the record closest to its end is dropped.
#[derive(Clone)]
pub struct MemoryThrottles {
    inner: Arc<Inner>,
}

struct Inner {
    hasher: RandomState,
    parts: [Mutex<Part>; PARTS],
    most: usize,
}

#[derive(Default)]
struct Part([Table; KINDS]);

#[derive(Default)]
struct Table {
    records: HashMap<[u8; 32], ThrottleRecord>,
    /// The same names, by the end of their records.
    ends: BTreeSet<(Timestamp, [u8; 32])>,
}

impl MemoryThrottles {
    /// Creates a store with room for 100 000 records of each kind.
    #[must_use]
    pub fn new() -> Self {
        Self::with_records(DEFAULT_RECORDS)
    }

    /// Creates a store with room for this many records of each kind; at least 16.
    #[must_use]
    pub fn with_records(most: usize) -> Self {
        let inner =
            Inner { hasher: RandomState::new(), parts: Default::default(), most: (most / PARTS).max(1) };
        Self { inner: Arc::new(inner) }
    }

    /// The number of records of all kinds.
    #[must_use]
    pub fn records(&self) -> usize {
        let count = |part: &Mutex<Part>| part.lock().map_or(0, |part| part.len());
        self.inner.parts.iter().map(count).sum()
    }

    /// Changes or creates a record, in one step and without waiting. `step` returns the new record;
    /// `None` leaves the current one unchanged.
    pub(crate) fn change_now<T>(
        &self,
        key: &ThrottleKey,
        step: impl FnOnce(Option<&[u8]>) -> (Option<ThrottleRecord>, T),
    ) -> Result<T, StoreError> {
        self.inner.with_table(key, |table, most| {
            let before = table.records.get(key.as_bytes()).map(|record| record.bytes.as_slice());
            let (after, outcome) = step(before);
            if let Some(after) = after {
                table.put(*key.as_bytes(), after, most);
            }
            outcome
        })
    }
}

impl Inner {
    fn with_table<T>(
        &self,
        key: &ThrottleKey,
        step: impl FnOnce(&mut Table, usize) -> T,
    ) -> Result<T, StoreError> {
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, key.as_bytes());
        let part = usize::try_from(hash % PARTS as u64).unwrap_or(0);
        let part = self.parts.get(part).ok_or(Refused::Poisoned)?;
        let mut part = part.lock().map_err(|_| Refused::Poisoned)?;
        let table = match (key.kind(), &mut part.0) {
            (ThrottleKind::Account, [table, ..])
            | (ThrottleKind::Address, [_, table, _])
            | (ThrottleKind::Familiar, [.., table]) => table,
        };
        Ok(step(table, self.most))
    }
}

impl Part {
    fn len(&self) -> usize {
        self.0.iter().map(|table| table.records.len()).sum()
    }
}

impl Table {
    fn put(&mut self, name: [u8; 32], record: ThrottleRecord, most: usize) {
        let end = record.kept_until;
        if let Some(before) = self.records.insert(name, record) {
            self.ends.remove(&(before.kept_until, name));
        } else if self.records.len() > most
            && let Some((_, nearest)) = self.ends.pop_first()
        {
            self.records.remove(&nearest);
        }
        self.ends.insert((end, name));
    }

    fn take(&mut self, name: &[u8; 32]) -> bool {
        let taken = self.records.remove(name);
        if let Some(record) = &taken {
            self.ends.remove(&(record.kept_until, *name));
        }
        taken.is_some()
    }
}

impl Default for MemoryThrottles {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryThrottles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryThrottles").field("records", &self.records()).finish_non_exhaustive()
    }
}

#[async_trait]
impl ThrottleStore for MemoryThrottles {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.inner)
    }

    async fn counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner
            .with_table(key, |table, _| table.records.get(key.as_bytes()).map(|record| record.bytes.clone()))
    }

    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_now(key, |found| {
            let is_same = found == before;
            (is_same.then(|| after.clone()), is_same)
        })
    }

    async fn remove_counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<bool, StoreError> {
        self.inner.with_table(key, |table, _| table.take(key.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> ThrottleKey {
        ThrottleKey::new(ThrottleKind::Account, [number; 32])
    }

    fn put(throttles: &MemoryThrottles, key: ThrottleKey, kept_until: i64) {
        let kept_until = Timestamp::from_unix_seconds(kept_until);
        let record = ThrottleRecord { bytes: vec![1], kept_until };
        throttles.change_now(&key, |_| (Some(record), ())).unwrap();
    }

    fn is_there(throttles: &MemoryThrottles, key: ThrottleKey) -> bool {
        throttles.change_now(&key, |found| (None, found.is_some())).unwrap()
    }

    #[test]
    fn a_full_table_drops_what_ends_first() {
        let mut table = Table::default();
        let record = |end| ThrottleRecord { bytes: vec![1], kept_until: Timestamp::from_unix_seconds(end) };
        for (name, end) in [(1, 50), (2, 10), (3, 30)] {
            table.put([name; 32], record(end), 3);
        }
        // It has changed, and so has its end.
        table.put([2; 32], record(60), 3);
        table.put([4; 32], record(20), 3);
        let mut left: Vec<_> = table.records.keys().map(|name| name[0]).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 4]);
        assert_eq!(table.ends.len(), 3);
        assert!(table.take(&[4; 32]) && !table.take(&[4; 32]));
        assert_eq!((table.records.len(), table.ends.len()), (2, 2));
    }

    #[test]
    fn it_never_grows_and_kinds_push_each_other_out_of_nothing() {
        let throttles = MemoryThrottles::with_records(16);
        let familiar = ThrottleKey::new(ThrottleKind::Familiar, [255; 32]);
        put(&throttles, familiar, 0);
        for number in 0..200 {
            put(&throttles, key(number), i64::from(number));
        }
        assert!(throttles.records() <= 17, "{throttles:?}");
        assert!(is_there(&throttles, familiar) && is_there(&throttles, key(199)));
    }
}
