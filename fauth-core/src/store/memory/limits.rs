//! Counters of rate limits in a fixed array of numbers: what strangers send cannot make it grow.
//!
//! # How a counter is found
//! A keyed hash of the key names a page of the array, two lines of it, one in each half, and a mark
//! of 15 bits. A line is a cache line of eight cells, and a cell is one number: the mark, two bits
//! for the class of its window, a bit that says whether the last request was refused, and until
//! when what was taken is paid off. A cell whose time is past is worth as much as an empty one, so
//! it is free for whoever comes next. Nothing has to be swept or evicted, and a request reads two
//! cache lines, both at the same time.
//!
//! # What happens when both lines are full
//! The new key shares one of these cells, which its hash chooses: always the same, so that a key
//! is let through no more often because it has no cell of its own. It shares only where both fit:
//! what is in use is no more than the quota of the key, and no more than any window of the
//! owner's class has, so that the owner never sees a time beyond its own window. Else it shares a
//! cell of an array of its own with some that find no room for the same limit. So a flood of keys
//! makes limits stricter for some: live counters are never thrown away, or an attacker who can
//! choose keys could wipe out those of others. A key that moves from a shared cell to another
//! starts anew there, once. The hash has a random key of this process, so that nobody can
//! choose who shares.
//!
//! Windows of more than an hour have arrays of their own: keys that are counted for a month take no
//! room from those that are counted for a minute.
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
    CounterKey, LimitState, LimitStore, LimitWindow, MAX_LIMIT_WINDOWS, StoreError, StoreLocation, Taken,
    limits::{JUMP, Ticks},
};

/// Of a line.
const CELLS: usize = 8;
/// Of a page.
const LINES: usize = 64;
const DEFAULT_COUNTERS: usize = 1 << 20;
const FEWEST_COUNTERS: usize = 1 << 10;
const MOST_COUNTERS: usize = 1 << 24;

/// The time of a cell: a point on a ring of two years. Who is more than a window ahead is behind.
const TIME_BITS: u32 = 46;
const TIME: u64 = (1 << TIME_BITS) - 1;
const REFUSED: u64 = 1 << TIME_BITS;
/// Of which class the window of the owner is: two bits.
const CLASS_SHIFT: u32 = TIME_BITS + 1;
const MARK_BITS: u32 = 15;
/// A counter is ahead by the longest window and an interval at most; 33 days in ticks.
const LONGEST: u64 = (33 * 24 * 60 * 60) << 20;
const SECOND: u64 = 1 << 20;
/// The shortest window of each class, in seconds: up to an hour, and above.
const SHORT_CLASSES: [u64; 4] = [1, 60, 900, 3_600];
const LONG_CLASSES: [u64; 4] = [3_600, 21_600, 86_400, 604_800];

/// Counters of rate limits in the memory of this process, in an array of fixed size.
///
/// Each provider has one, which is made when its first limit is; give
/// [`limit_store`](crate::AuthProviderBuilder::limit_store) a clone of this to share one. It is for
/// one instance: several instances with counters of their own let through that many times as
/// much.
///
/// # Bounds
/// 2^20 counters of 8 bytes by default, and half as many for windows of more than an hour (12 MiB
/// in all). A counter is in use for as long as its key has taken something that has not come back:
/// keys beyond that share counters, which makes their limits stricter.
#[derive(Clone)]
pub struct MemoryLimits {
    inner: Arc<Inner>,
}

struct Inner {
    hasher: RandomState,
    /// For windows up to an hour.
    short: Part,
    /// For those above.
    long: Part,
    /// The latest present that was told, to a second: what is later than this was never now.
    latest: AtomicU64,
}

/// The counters of some windows.
struct Part {
    pages: Pages,
    overflow: Pages,
    classes: [u64; 4],
}

impl MemoryLimits {
    /// Counters of the default number.
    #[must_use]
    pub fn new() -> Self {
        Self::with_counters(DEFAULT_COUNTERS)
    }

    /// So many counters, rounded up to a power of two between 2^10 and 2^24, and half as many for
    /// windows of more than an hour.
    #[must_use]
    pub fn with_counters(counters: usize) -> Self {
        let counters = counters.clamp(FEWEST_COUNTERS, MOST_COUNTERS).next_power_of_two();
        let inner = Inner {
            hasher: RandomState::new(),
            short: Part::new(counters, SHORT_CLASSES),
            long: Part::new(counters / 2, LONG_CLASSES),
            latest: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many bytes the counters take. That never changes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.inner.short.memory() + self.inner.long.memory()
    }

    /// As [`LimitStore::take`], without waiting for anybody.
    #[must_use]
    pub fn take_now(&self, key: &CounterKey<'_>, windows: &[LimitWindow], now: Duration) -> Taken {
        let now = Ticks::of(now).0;
        self.inner.note_present(now);
        let places = self.inner.places(key);
        if let [window] = windows {
            let step = self.inner.take_one(&places, 0, *window, now);
            let (state, is_first) = step.map_or_else(
                || (window.refused(window.full()), false),
                |step| (step.state, step.is_first_refusal),
            );
            return Taken::new([state], is_first);
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
struct Step<'a> {
    state: LimitState,
    is_first_refusal: bool,
    /// The cell that was taken from, and whose it was.
    cell: &'a AtomicU64,
    mark: u64,
}

impl Part {
    fn new(counters: usize, classes: [u64; 4]) -> Self {
        Self { pages: Pages::new(counters / CELLS / LINES), overflow: Pages::new(1), classes }
    }

    fn memory(&self) -> usize {
        (self.pages.0.len() + self.overflow.0.len()) * size_of::<Page>()
    }

    fn class_of(&self, window: LimitWindow) -> u64 {
        let seconds = window.span().as_secs();
        self.classes.iter().skip(1).map(|shortest| u64::from(*shortest <= seconds)).sum()
    }

    /// How far ahead a cell of this class may be at most, whoever its owner is.
    fn bound(&self, mark: u64) -> u64 {
        let class = usize::try_from((mark >> CLASS_SHIFT) & 3).unwrap_or(0);
        self.classes.get(class).copied().unwrap_or(1) * SECOND
    }
}

impl Inner {
    fn places(&self, key: &CounterKey<'_>) -> Places {
        // A scope is a digest: one word of it tells limits apart as well as all, since nobody
        // chooses limits.
        let scope = key.scope().first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(scope);
        hasher.write(key.key());
        Places { key: hasher.finish(), scope }
    }

    /// Written once in a second, so that no two processors fight for it.
    fn note_present(&self, now: u64) {
        if now > self.latest.load(Ordering::Relaxed).saturating_add(SECOND) {
            self.latest.fetch_max(now, Ordering::Relaxed);
        }
    }

    fn take_all(&self, places: &Places, windows: &[LimitWindow], now: u64) -> Taken {
        let looks = || windows.iter().enumerate().map(|(index, window)| (index, *window));
        // A refused request takes from no window.
        let look = |(index, window): (usize, LimitWindow)| match self.find(places, index, window, now) {
            Some(found) => found.refusal(window).unwrap_or_else(|| window.at(found.used)),
            None => window.refused(window.full()),
        };
        let seen = Taken::new(looks().map(look), false);
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
        let mut cells = [None; MAX_LIMIT_WINDOWS];
        for ((index, window), place) in looks().zip(&mut cells) {
            let Some(step) = self.take_one(places, index, window, now) else {
                return Taken::new([window.refused(window.full())], false);
            };
            let so_far = taken.states().chain([step.state]);
            taken = Taken::new(so_far, step.is_first_refusal);
            if step.state.is_refused() {
                // Another request of this key was faster.
                for (cell, mark, earlier) in cells.into_iter().flatten() {
                    give_back(cell, mark, earlier, now);
                }
                break;
            }
            *place = Some((step.cell, step.mark, window));
        }
        taken
    }

    /// Always finds a cell: there are lines for every hash.
    fn take_one(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Option<Step<'_>> {
        loop {
            let found = self.find(places, index, window, now)?;
            let (new, state) = match found.refusal(window) {
                // Its time stays: it may be that of another key, or of a later present.
                Some(state) if !found.has_jumped => (found.seen | REFUSED, state),
                Some(state) => (found.mark | REFUSED | (now.wrapping_add(found.used) & TIME), state),
                None => {
                    let (after, state) = window.after(found.used);
                    (found.mark | (now.wrapping_add(after) & TIME), state)
                }
            };
            let is_first_refusal = state.is_refused() && found.seen & REFUSED == 0;
            if new == found.seen || found.swap(new) {
                return Some(Step { state, is_first_refusal, cell: found.cell, mark: found.mark });
            }
        }
    }

    /// Notes that a request was refused by this window; `false` if the last one was too.
    fn mark_refused(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> bool {
        let Some(step) = self.take_one(places, index, window, now) else { return false };
        if !step.state.is_refused() {
            // Something was given back meanwhile.
            give_back(step.cell, step.mark, window, now);
        }
        step.is_first_refusal
    }

    fn find(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Option<Found<'_>> {
        let part = if window.span().as_secs() > 3_600 { &self.long } else { &self.short };
        let (index, class, full) = (index as u64, part.class_of(window), window.full());
        let mut found = part.pages.find(mixed(places.key, index), class, now)?;
        found.most = full;
        if found.is_shared {
            found.most = full.min(part.bound(found.mark));
            if found.used <= found.most {
                return Some(found);
            }
        } else if found.used <= full + JUMP {
            return Some(found);
        } else if self.has_jumped(found.used - full, now) {
            found.used = full;
            found.has_jumped = true;
            return Some(found);
        }
        // Some keys of one limit share a cell of the other array, so that this is not one cell
        // for all.
        let hash = self.hasher.hash_one((places.scope, index, places.key & 0xff));
        let mut found = part.overflow.find(hash, class, now)?;
        found.most = if found.is_shared { full.min(part.bound(found.mark)) } else { full };
        if !found.is_shared && found.used > full + JUMP && self.has_jumped(found.used - full, now) {
            found.used = full;
            found.has_jumped = true;
        }
        Some(found)
    }

    /// Was it once so late that a cell can lie this far beyond its window? If not, it is the cell
    /// of a longer window whose key has the same mark.
    fn has_jumped(&self, beyond: u64, now: u64) -> bool {
        let latest = self.latest.load(Ordering::Relaxed);
        beyond <= latest.saturating_sub(now).saturating_add(SECOND)
    }
}

/// What was taken from this cell is given back, if it is still the same key's.
fn give_back(cell: &AtomicU64, mark: u64, window: LimitWindow, now: u64) {
    let mut seen = cell.load(Ordering::Relaxed);
    while marked(seen) == mark {
        let used = window.given_back(ahead(seen, now));
        let new = (seen & !TIME) | (now.wrapping_add(used) & TIME);
        match cell.compare_exchange(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => seen = other,
        }
    }
}

/// Whose cell it is: the mark of the key, and the class of its window.
const fn marked(cell: u64) -> u64 {
    cell & !(TIME | REFUSED)
}

/// The counters of the windows of one key lie apart.
const fn mixed(hash: u64, index: u64) -> u64 {
    // The finalizer of SplitMix64.
    let mut mixed = hash ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A cache line.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; CELLS]);

/// A page of memory, so that the address of both lines of a key is looked up once.
#[repr(align(4096))]
struct Page([Line; LINES]);

impl Page {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Line::default()))
    }

    /// The cells of a line of the first half or the second.
    fn line(&self, hash: u64, half: usize) -> Option<&[AtomicU64; CELLS]> {
        let chosen = usize::try_from((hash >> (half * 8)) & 0xff).unwrap_or(0) % (LINES / 2);
        self.0.get(half * (LINES / 2) + chosen).map(|line| &line.0)
    }
}

/// Pages, a power of two of them.
struct Pages(Box<[Page]>);

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
    /// How far it may be ahead.
    most: u64,
    /// Is it beyond its window because the clock has jumped back?
    has_jumped: bool,
}

impl Found<'_> {
    fn swap(&self, cell: u64) -> bool {
        self.cell.compare_exchange(self.seen, cell, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What is said if there is no room for another request.
    fn refusal(&self, window: LimitWindow) -> Option<LimitState> {
        let room = self.most.saturating_sub(self.used);
        let missing = window.full().saturating_sub(self.most);
        (room < window.cost()).then(|| window.refused(self.used.saturating_add(missing)))
    }
}

impl Pages {
    fn new(pages: usize) -> Self {
        Self((0..pages).map(|_| Page::new()).collect())
    }

    /// The cell of this hash, or the one that it may take: its own, a free one, or else the one
    /// that the hash chooses of those of others.
    ///
    /// All cells are looked at without a branch: so both lines come from memory at the same time,
    /// and no guess of the processor about where the mark stands can be wrong.
    fn find(&self, hash: u64, class: u64, now: u64) -> Option<Found<'_>> {
        // Never zero, so that an empty cell is nobody's.
        let mark = (hash >> (64 - MARK_BITS)).max(1) << (64 - MARK_BITS) | class << CLASS_SHIFT;
        let page = usize::try_from((hash >> 16) & 0x00ff_ffff).unwrap_or(0) & (self.0.len() - 1);
        let page = self.0.get(page)?;
        let lines = [page.line(hash, 0)?, page.line(hash, 1)?];
        let found = |cell, seen, used, mark, is_shared| {
            Some(Found { cell, seen, used, mark, is_shared, most: 0, has_jumped: false })
        };
        loop {
            if let Some(cell) = first(lines, |seen| marked(seen) == mark) {
                let seen = cell.load(Ordering::Relaxed);
                if marked(seen) == mark {
                    return found(cell, seen, ahead(seen, now), mark, false);
                }
            } else if let Some(cell) = first(lines, |seen| is_free(seen, now)) {
                let seen = cell.load(Ordering::Relaxed);
                if is_free(seen, now) {
                    return found(cell, seen, 0, mark, false);
                }
            } else {
                let chosen = usize::try_from((hash >> 40) & 0xff).unwrap_or(0);
                let [line, other] = lines;
                let line = if (chosen / CELLS).is_multiple_of(2) { line } else { other };
                let cell = line.get(chosen % CELLS)?;
                let seen = cell.load(Ordering::Relaxed);
                return found(cell, seen, ahead(seen, now), marked(seen), true);
            }
            // Another request was faster. Look again.
        }
    }
}

/// The first cell of two lines of which this holds.
fn first(lines: [&[AtomicU64; CELLS]; 2], holds: impl Fn(u64) -> bool) -> Option<&AtomicU64> {
    let [line, other] = lines.map(|line| {
        let place = |(place, cell): (usize, &AtomicU64)| u32::from(holds(cell.load(Ordering::Relaxed))) << place;
        line.iter().enumerate().map(place).fold(0, |places, place| places | place)
    });
    let place = usize::try_from((line | other << CELLS).trailing_zeros()).ok()?;
    lines.get(place / CELLS)?.get(place % CELLS)
}

/// How far a cell is ahead of the present; zero if it is behind, or empty.
const fn ahead(cell: u64, now: u64) -> u64 {
    let ahead = (cell & TIME).wrapping_sub(now & TIME) & TIME;
    if cell == 0 || ahead > LONGEST { 0 } else { ahead }
}

/// Is a cell not ahead of the present? Without a branch.
const fn is_free(cell: u64, now: u64) -> bool {
    let ahead = (cell & TIME).wrapping_sub(now & TIME) & TIME;
    (cell == 0) | (ahead.wrapping_sub(1) >= LONGEST)
}
