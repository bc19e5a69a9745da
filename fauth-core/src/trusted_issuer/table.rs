//! A table of bounded size with expiring entries. Each insertion does a bounded amount of work.

use std::{collections::HashMap, sync::Arc};

/// How many entries one insertion examines.
const LOOKED_AT: usize = 16;

/// Entries by name. An insertion examines some of the others in turn and removes the expired ones;
/// if the table is full, it also removes the lowest-ranked of these.
pub(super) struct Table<T> {
    capacity: usize,
    entries: Vec<(Arc<str>, T)>,
    places: HashMap<Arc<str>, usize>,
    /// Where the next insertion starts to examine.
    next: usize,
}

impl<T> Table<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Vec::new(), places: HashMap::new(), next: 0 }
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let (_, value) = self.entries.get(*self.places.get(name)?)?;
        Some(value)
    }

    pub(super) fn remove(&mut self, name: &str) {
        let Some(place) = self.places.remove(name) else { return };
        if place < self.entries.len() {
            self.entries.swap_remove(place);
        }
        // The last entry has moved to its place.
        if let Some((moved, _)) = self.entries.get(place) {
            self.places.insert(Arc::clone(moved), place);
        }
    }

    /// `rank` returns the rank of an entry, or `None` if it has expired.
    pub(super) fn insert(&mut self, name: Arc<str>, value: T, rank: impl Fn(&T) -> Option<i64>) {
        self.remove(&name);
        let least = self.sweep(rank);
        if self.entries.len() >= self.capacity
            && let Some(least) = least
        {
            self.remove(&least);
        }
        self.places.insert(Arc::clone(&name), self.entries.len());
        self.entries.push((name, value));
    }

    /// Removes expired entries, and returns the lowest-ranked of the others that it has examined.
    pub(super) fn sweep(&mut self, rank: impl Fn(&T) -> Option<i64>) -> Option<Arc<str>> {
        let mut least: Option<(i64, Arc<str>)> = None;
        for _ in 0..LOOKED_AT.min(self.entries.len()) {
            if self.next >= self.entries.len() {
                self.next = 0;
            }
            let Some((name, value)) = self.entries.get(self.next) else { break };
            let name = Arc::clone(name);
            let Some(rank) = rank(value) else {
                self.remove(&name);
                continue;
            };
            if least.as_ref().is_none_or(|(lowest, _)| rank < *lowest) {
                least = Some((rank, name));
            }
            self.next = self.next.saturating_add(1);
        }
        least.map(|(_, name)| name)
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn put(table: &mut Table<i64>, number: i64, now: i64) {
        table.insert(number.to_string().into(), number, |until| (now < *until).then_some(*until));
    }

    #[test]
    fn what_is_over_goes_and_then_the_least() {
        let mut table = Table::new(3);
        for number in [5, 1, 9] {
            put(&mut table, number, 0);
        }
        put(&mut table, 7, 0);
        assert!(table.get("1").is_none() && table.get("5").is_some() && table.get("7").is_some());
        put(&mut table, 20, 7);
        assert_eq!((table.len(), table.get("9"), table.get("20")), (2, Some(&9), Some(&20)));
        put(&mut table, 20, 7);
        assert_eq!(table.len(), 2);
        table.remove("9");
        table.remove("9");
        assert_eq!((table.len(), table.get("9"), table.get("20")), (1, None, Some(&20)));
    }

    #[test]
    fn an_insertion_looks_at_a_few_and_all_get_their_turn() {
        let mut table = Table::new(10_000);
        for number in 1..=10_000 {
            put(&mut table, number, 0);
        }
        let looks = Cell::new(0);
        table.insert("new".into(), 0, |until| {
            looks.set(looks.get() + 1);
            Some(*until)
        });
        assert_eq!((looks.get(), table.len()), (LOOKED_AT, 10_000));
        for number in 20_001..22_001 {
            put(&mut table, number, 15_000);
        }
        assert_eq!(table.len(), 2000, "nothing that is over has stayed");
    }
}
