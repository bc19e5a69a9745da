//! A fair queue: keys take turns, whatever the number of their requests.

use std::collections::BTreeMap;

/// One place in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket<K> {
    key: K,
    number: u64,
}

/// The queue is full, and no key in it has many more places than the newcomer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A queue of bounded length in which keys take turns, and the requests of one key are served in
/// their order.
///
/// As long as there is room, one key may have all of it. In a full queue, a newcomer whose key has
/// fewer places than the heaviest key takes over the newest place of that key. So a share is
/// binding only while other keys wait, and the memory for keys is bounded by the number of waiting
/// requests.
pub(super) struct FairQueue<K, T> {
    limit: usize,
    length: usize,
    lanes: BTreeMap<K, Lane<T>>,
    /// The waiting keys, in the order of their turns.
    turns: BTreeMap<u64, K>,
    /// The same keys, by the number of their requests, and among equals by the newest.
    weights: BTreeMap<Weight, K>,
    next_number: u64,
}

/// The waiting requests of one key by number, the oldest first.
struct Lane<T> {
    turn: u64,
    waiting: BTreeMap<u64, T>,
}

/// The number of requests of a key, and the number of the newest.
type Weight = (usize, u64);

impl<T> Lane<T> {
    fn weight(&self) -> Weight {
        (self.waiting.len(), self.waiting.last_key_value().map_or(0, |(number, _)| *number))
    }
}

impl<K: Clone + Ord, T> FairQueue<K, T> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            length: 0,
            lanes: BTreeMap::new(),
            turns: BTreeMap::new(),
            weights: BTreeMap::new(),
            next_number: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes a place, and returns the request that was displaced for it.
    pub(super) fn enter(&mut self, key: K, waiting: T) -> Result<(Ticket<K>, Option<T>), Full> {
        let displaced = if self.length < self.limit { None } else { Some(self.make_room(&key)?) };
        let number = self.number();
        if !self.lanes.contains_key(&key) {
            self.turns.insert(number, key.clone());
        }
        let lane = self.lanes.entry(key.clone()).or_insert(Lane { turn: number, waiting: BTreeMap::new() });
        let before = lane.weight();
        lane.waiting.insert(number, waiting);
        self.length += 1;
        self.weigh_again(&key, before);
        Ok((Ticket { key, number }, displaced))
    }

    /// Gives a place up. Returns `None` if it was served or taken over already.
    pub(super) fn leave(&mut self, ticket: &Ticket<K>) -> Option<T> {
        let lane = self.lanes.get_mut(&ticket.key)?;
        let before = lane.weight();
        let left = lane.waiting.remove(&ticket.number)?;
        self.length -= 1;
        self.weigh_again(&ticket.key, before);
        Some(left)
    }

    /// Returns the oldest request of the key whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let (_, key) = self.turns.pop_first()?;
        let turn = self.number();
        let lane = self.lanes.get_mut(&key)?;
        let before = lane.weight();
        let (_, next) = lane.waiting.pop_first()?;
        lane.turn = turn;
        self.turns.insert(turn, key.clone());
        self.length -= 1;
        self.weigh_again(&key, before);
        Some(next)
    }

    /// Takes the newest place of the heaviest key. That key must have at least two more places than
    /// the newcomer's: swapping places between keys with almost the same number would drop requests
    /// for nothing.
    fn make_room(&mut self, newcomer: &K) -> Result<T, Full> {
        let own = self.lanes.get(newcomer).map_or(0, |lane| lane.waiting.len());
        let (heaviest, key) = self.weights.last_key_value().ok_or(Full)?;
        let (heaviest, key) = (*heaviest, key.clone());
        if heaviest.0 < own + 2 {
            return Err(Full);
        }
        let lane = self.lanes.get_mut(&key).ok_or(Full)?;
        let (_, newest) = lane.waiting.pop_last().ok_or(Full)?;
        self.length -= 1;
        self.weigh_again(&key, heaviest);
        Ok(newest)
    }

    /// Updates the weights, and removes a key without waiting requests.
    fn weigh_again(&mut self, key: &K, before: Weight) {
        self.weights.remove(&before);
        let Some(lane) = self.lanes.get(key) else { return };
        if lane.waiting.is_empty() {
            self.turns.remove(&lane.turn);
            self.lanes.remove(key);
        } else {
            self.weights.insert(lane.weight(), key.clone());
        }
    }

    const fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Queue = FairQueue<char, u32>;

    /// Enters in this order, numbered from 0; every one must find room.
    fn queue(limit: usize, keys: &str) -> (Queue, Vec<Ticket<char>>) {
        let mut queue = Queue::new(limit);
        let tickets = (0..).zip(keys.chars()).map(|(number, key)| queue.enter(key, number).unwrap().0);
        let tickets = tickets.collect();
        (queue, tickets)
    }

    fn drain(queue: &mut Queue) -> Vec<u32> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn one_key_is_a_plain_queue() {
        let (mut queue, _) = queue(3, "aaa");
        assert_eq!(queue.enter('a', 3), Err(Full));
        assert_eq!(drain(&mut queue), [0, 1, 2]);
        assert!(queue.is_empty());
    }

    #[test]
    fn keys_take_turns_and_each_is_served_in_its_order() {
        let (mut queue, _) = queue(9, "aaaabbca");
        assert_eq!(drain(&mut queue), [0, 4, 6, 1, 5, 2, 3, 7]);
    }

    #[test]
    fn a_key_that_comes_later_is_behind_one_turn_of_each_other() {
        let (mut queue, _) = queue(9, "aaabbb");
        assert_eq!(queue.next(), Some(0));
        queue.enter('c', 6).unwrap();
        assert_eq!(drain(&mut queue), [3, 1, 6, 4, 2, 5]);
    }

    #[test]
    fn among_equals_the_newest_gives_its_place() {
        for keys in ["aabb", "bbaa", "abab"] {
            let (mut queue, _) = queue(4, keys);
            assert_eq!(queue.enter('c', 4).unwrap().1, Some(3), "{keys}");
        }
    }

    /// A key that comes back at once has no advantage over keys that have been waiting.
    #[test]
    fn who_was_served_goes_to_the_end() {
        let (mut queue, _) = queue(9, "abc");
        assert_eq!(queue.next(), Some(0));
        queue.enter('a', 3).unwrap();
        assert_eq!(drain(&mut queue), [1, 2, 3]);
    }

    #[test]
    fn in_a_full_queue_the_heaviest_gives_its_newest_place() {
        let (mut queue, tickets) = queue(5, "aaaab");
        let (ticket, displaced) = queue.enter('c', 5).unwrap();
        assert_eq!(displaced, Some(3));
        assert_eq!(queue.leave(&tickets[3]), None, "it has left");
        assert_eq!(queue.enter('a', 6), Err(Full), "the heaviest has no claim");
        assert_eq!(queue.enter('b', 7).unwrap().1, Some(2));
        assert_eq!(queue.enter('b', 8), Err(Full), "two are not two less than two");
        assert_eq!(queue.enter('c', 9), Err(Full), "nor is one");
        assert_eq!(queue.enter('d', 10).unwrap().1, Some(7), "but none is");
        assert_eq!(queue.leave(&ticket), Some(5));
        assert_eq!(drain(&mut queue), [0, 4, 10, 1]);
    }

    #[test]
    fn who_leaves_frees_a_place_wherever_it_was() {
        for (gone, served) in [(0, [1, 2, 3]), (1, [0, 2, 3]), (2, [0, 3, 1])] {
            let (mut queue, tickets) = queue(3, "aab");
            assert!(queue.leave(&tickets[gone]).is_some());
            assert_eq!(queue.leave(&tickets[gone]), None);
            queue.enter('c', 3).unwrap();
            assert_eq!(drain(&mut queue), served);
            assert_eq!(queue.lanes.len() + queue.turns.len() + queue.weights.len(), 0, "nothing is kept");
        }
    }

    #[test]
    fn without_places_nobody_waits() {
        assert_eq!(Queue::new(0).enter('a', 0), Err(Full));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter(char),
        Leave(usize),
        Next,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => prop::char::range('a', 'e').prop_map(Step::Enter),
            1 => any::<usize>().prop_map(Step::Leave),
            2 => Just(Step::Next),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        /// Whatever happens: nobody is lost or served twice, the length is bounded, a displaced
        /// request belongs to a key that keeps as many places as the newcomer's, and no key is
        /// passed over twice.
        #[test]
        fn nobody_is_lost_and_nobody_is_passed_over(limit in 0_usize..8, steps in steps()) {
            let mut queue = FairQueue::<char, (char, u32)>::new(limit);
            let mut waiting: Vec<(Ticket<char>, (char, u32))> = Vec::new();
            let mut passed: BTreeMap<char, BTreeSet<char>> = BTreeMap::new();
            for (number, step) in (0..).zip(steps) {
                let count = |waiting: &[(Ticket<char>, (char, u32))], key| {
                    waiting.iter().filter(|(_, (other, _))| *other == key).count()
                };
                match step {
                    Step::Enter(key) => {
                        if let Ok((ticket, displaced)) = queue.enter(key, (key, number)) {
                            prop_assert_eq!(displaced.is_some(), waiting.len() == limit);
                            if let Some(gone) = displaced {
                                let newest = waiting.iter().rev().find(|(_, (other, _))| *other == gone.0);
                                prop_assert_eq!(newest.map(|(_, one)| *one), Some(gone));
                                waiting.retain(|(_, one)| *one != gone);
                            }
                            waiting.push((ticket, (key, number)));
                            if let Some(gone) = displaced {
                                prop_assert!(count(&waiting, gone.0) >= count(&waiting, key));
                            }
                        } else {
                            prop_assert_eq!(waiting.len(), limit);
                            let most = ('a'..='e').map(|other| count(&waiting, other)).max().unwrap_or(0);
                            prop_assert!(most < count(&waiting, key) + 2);
                        }
                    }
                    Step::Leave(which) if !waiting.is_empty() => {
                        let (ticket, one) = waiting.remove(which % waiting.len());
                        prop_assert_eq!(queue.leave(&ticket), Some(one));
                        prop_assert_eq!(queue.leave(&ticket), None);
                    }
                    Step::Leave(_) => {}
                    Step::Next => {
                        let served = queue.next();
                        prop_assert_eq!(served.is_some(), !waiting.is_empty());
                        let Some(served) = served else { continue };
                        let oldest = waiting.iter().find(|(_, (key, _))| *key == served.0);
                        prop_assert_eq!(oldest.map(|(_, one)| *one), Some(served));
                        waiting.retain(|(_, one)| *one != served);
                        passed.remove(&served.0);
                        let others: BTreeSet<_> = waiting.iter().map(|(_, (key, _))| *key).collect();
                        for key in others.into_iter().filter(|key| *key != served.0) {
                            let again = !passed.entry(key).or_default().insert(served.0);
                            prop_assert!(!again, "{} is passed over twice by {}", key, served.0);
                        }
                    }
                }
                passed.retain(|key, _| count(&waiting, *key) > 0);
                prop_assert_eq!(queue.length, waiting.len());
                prop_assert!(queue.length <= limit);
                let keys: BTreeSet<_> = waiting.iter().map(|(_, (key, _))| *key).collect();
                prop_assert_eq!(queue.lanes.len(), keys.len());
                prop_assert_eq!(queue.turns.len(), keys.len());
                prop_assert_eq!(queue.weights.len(), keys.len());
            }
        }
    }
}
