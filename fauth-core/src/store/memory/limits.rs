//! Counters of rate limits in a fixed array of numbers: what strangers send cannot make it grow.
//!
//! # How a counter is found
//! A keyed hash of the key names two lines of the array, one in each half, and a mark of 17 bits.
//! A line is a cache line of eight cells, and a cell is one number: the mark, a bit that says
//! whether the last request was refused, and until when what was taken is paid off. A cell whose
//! time is past is worth as much as an empty one, so it is free for whoever comes next. Nothing
//! has to be swept or evicted, and a request reads one or two cache lines.
//!
//! # What happens when both lines are full
//! The new key shares the cell that is soonest free, if that is no further ahead than the
//! key's own window. Else it shares a cell of an array of its own with all that find no room for
//! the same limit. So a flood of keys makes limits stricter for some, and looser for nobody: live
//! counters are never thrown away, or an attacker who can choose keys could wipe out those of
//! others. The hash has a random key of this process, so that nobody can choose who shares.
//!
//! # Why it is atomic
//! Each counter is one number, changed by compare-and-swap. For several windows, all are looked at
//! first; then each takes, and if one has run out meanwhile, the others give back.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::store::{
    CounterKey, LimitState, LimitStore, LimitWindow, StoreError, StoreLocation, Taken, limits::Ticks,
};

const CELLS: usize = 8;
const DEFAULT_COUNTERS: usize = 1 << 20;
const FEWEST_COUNTERS: usize = 1 << 10;
const MOST_COUNTERS: usize = 1 << 24;
/// For keys that find no room, so many lines for each of their limits to be found in.
const OVERFLOW_LINES: usize = 64;

/// The time of a cell: a point on a ring of two years. Who is more than a window ahead is behind.
const TIME_BITS: u32 = 46;
const TIME: u64 = (1 << TIME_BITS) - 1;
const REFUSED: u64 = 1 << TIME_BITS;
const MARK_BITS: u32 = 17;
/// A counter is ahead by the longest window and an interval at most; 33 days in ticks.
const LONGEST: u64 = (33 * 24 * 60 * 60) << 20;

/// Counters of rate limits in the memory of this process, in an array of fixed size.
///
/// Each provider has one, which is made when its first limit is; give
/// [`limit_store`](crate::AuthProviderBuilder::limit_store) a clone of this to share one. It is for
/// one instance: several instances with counters of their own let through that many times as
/// much.
///
/// # Bounds
/// 2^20 counters of 8 bytes (8 MiB) by default. A counter is in use for as long as its key has
/// taken something that has not come back: keys beyond that share counters, which makes their
/// limits stricter.
#[derive(Clone)]
pub struct MemoryLimits {
    inner: Arc<Inner>,
}

struct Inner {
    hasher: RandomState,
    lines: Lines,
    overflow: Lines,
}

impl MemoryLimits {
    /// Counters of the default number.
    #[must_use]
    pub fn new() -> Self {
        Self::with_counters(DEFAULT_COUNTERS)
    }

    /// So many counters, rounded up to a power of two between 2^10 and 2^24.
    #[must_use]
    pub fn with_counters(counters: usize) -> Self {
        let counters = counters.clamp(FEWEST_COUNTERS, MOST_COUNTERS).next_power_of_two();
        let inner = Inner {
            hasher: RandomState::new(),
            lines: Lines::new(counters / CELLS),
            overflow: Lines::new(OVERFLOW_LINES),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many bytes the counters take. That never changes.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.inner.lines.0.len() + self.inner.overflow.0.len()) * size_of::<Line>()
    }

    /// As [`LimitStore::take`], without waiting for anybody.
    #[must_use]
    pub fn take_now(&self, key: &CounterKey<'_>, windows: &[LimitWindow], now: Duration) -> Taken {
        let now = Ticks::of(now).0;
        let places = self.inner.places(key);
        if let [window] = windows {
            let step = self.inner.take_one(&places, 0, *window, now);
            return Taken::new([step.state], step.is_first_refusal);
        }
        self.inner.take_all(&places, windows, now)
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimits").field("memory", &self.memory()).finish_non_exhaustive()
    }
}

#[async_trait]
impl LimitStore for MemoryLimits {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.inner)
    }

    async fn take(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
        now: Duration,
    ) -> Result<Taken, StoreError> {
        Ok(self.take_now(key, windows, now))
    }
}

/// Where the counters of a key lie: the hash of the key and that of its limit alone.
struct Places {
    key: u64,
    scope: u64,
}

/// What one window has made of a request.
struct Step {
    state: LimitState,
    is_first_refusal: bool,
}

impl Inner {
    fn places(&self, key: &CounterKey<'_>) -> Places {
        // A scope is a digest: one word of it tells limits apart as well as all, since nobody chooses
        // limits.
        let scope = key.scope().first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(scope);
        hasher.write(key.key());
        Places { key: hasher.finish(), scope }
    }

    fn take_all(&self, places: &Places, windows: &[LimitWindow], now: u64) -> Taken {
        let looks = || windows.iter().enumerate().map(|(index, window)| (index, *window));
        // A refused request takes from no window.
        let used = |index, window: LimitWindow| {
            self.find(places, index, window, now).map_or_else(|| window.full(), |found| found.used)
        };
        let seen = looks().map(|(index, window)| window.when_refused(used(index, window)));
        let seen = Taken::new(seen, false);
        if seen.is_refused() {
            let mut first = false;
            for ((index, window), state) in looks().zip(seen.states()) {
                if state.is_refused() {
                    first |= self.mark_refused(places, index, window, now);
                }
            }
            return Taken::new(seen.states(), first);
        }
        let mut taken = Taken::default();
        for (index, window) in looks() {
            let step = self.take_one(places, index, window, now);
            let so_far = taken.states().chain([step.state]);
            taken = Taken::new(so_far, step.is_first_refusal);
            if step.state.is_refused() {
                // Another request of this key was faster.
                for (earlier, window) in looks().take(index) {
                    self.give_back(places, earlier, window, now);
                }
                break;
            }
        }
        taken
    }

    fn take_one(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Step {
        loop {
            // There are lines for every hash, so that there is always a cell.
            let Some(found) = self.find(places, index, window, now) else {
                return Step { state: window.refused(window.full()), is_first_refusal: false };
            };
            let (after, state) = window.after(found.used);
            let is_first_refusal = state.is_refused() && found.seen & REFUSED == 0;
            let refused = if state.is_refused() { REFUSED } else { 0 };
            let cell = found.mark | refused | (now.wrapping_add(after) & TIME);
            if cell == found.seen || found.swap(cell) {
                return Step { state, is_first_refusal };
            }
        }
    }

    /// Notes that a request was refused by this window; `false` if the last one was too.
    fn mark_refused(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> bool {
        let step = self.take_one(places, index, window, now);
        if !step.state.is_refused() {
            // Something was given back meanwhile.
            self.give_back(places, index, window, now);
        }
        step.is_first_refusal
    }

    fn give_back(&self, places: &Places, index: usize, window: LimitWindow, now: u64) {
        while let Some(found) = self.find(places, index, window, now) {
            let used = window.given_back(found.used);
            let cell = found.mark | (found.seen & REFUSED) | (now.wrapping_add(used) & TIME);
            if found.swap(cell) {
                break;
            }
        }
    }

    fn find(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Option<Found<'_>> {
        let index = index as u64;
        let found = self.lines.find(mixed(places.key, index), now)?;
        if !found.is_shared || found.used <= window.full() {
            return Some(found);
        }
        // Some keys of one limit share a cell of the other array, so that this is not one cell
        // for all.
        let hash = self.hasher.hash_one((places.scope, index, places.key & 0xff));
        self.overflow.find(hash, now)
    }
}

/// The counters of the windows of one key lie apart.
const fn mixed(hash: u64, index: u64) -> u64 {
    // The finalizer of SplitMix64.
    let mut mixed = hash ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; CELLS]);

/// Two halves of lines, each a power of two.
struct Lines(Box<[Line]>);

/// The cell of a key.
struct Found<'a> {
    cell: &'a AtomicU64,
    /// What stood in it.
    seen: u64,
    /// How far it is ahead of the present.
    used: u64,
    /// The mark that it keeps or gets.
    mark: u64,
    /// Is it the cell of another key?
    is_shared: bool,
}

impl Found<'_> {
    fn swap(&self, cell: u64) -> bool {
        self.cell.compare_exchange(self.seen, cell, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Lines {
    fn new(lines: usize) -> Self {
        Self((0..lines).map(|_| Line::default()).collect())
    }

    /// The cells of a line of the first half or the second.
    fn cells(&self, hash: u64, half: usize) -> &[AtomicU64] {
        let size = self.0.len() / 2;
        let chosen = usize::try_from((hash >> (half * 20)) & 0x000f_ffff).unwrap_or(0) & (size - 1);
        self.0.get(half * size + chosen).map_or(&[], |line| &line.0)
    }

    /// The cell of this hash, or the one that it may take: its own, a free one, or else the one
    /// that is free soonest.
    fn find(&self, hash: u64, now: u64) -> Option<Found<'_>> {
        // Never zero, so that an empty cell is nobody's.
        let mark = (hash >> (64 - MARK_BITS)).max(1) << (64 - MARK_BITS);
        let mut best: Option<Found<'_>> = None;
        for half in 0..2 {
            for cell in self.cells(hash, half) {
                let seen = cell.load(Ordering::Relaxed);
                let used = ahead(seen, now);
                if seen & !(TIME | REFUSED) == mark {
                    return Some(Found { cell, seen, used, mark, is_shared: false });
                }
                if best.as_ref().is_none_or(|best| used < best.used) {
                    let is_shared = used > 0;
                    let mark = if is_shared { seen & !(TIME | REFUSED) } else { mark };
                    best = Some(Found { cell, seen, used, mark, is_shared });
                }
            }
        }
        best
    }
}

/// How far a cell is ahead of the present; zero if it is behind, or empty.
const fn ahead(cell: u64, now: u64) -> u64 {
    let ahead = (cell & TIME).wrapping_sub(now & TIME) & TIME;
    if cell == 0 || ahead > LONGEST { 0 } else { ahead }
}
