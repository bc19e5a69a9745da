//! Rate-limit counters in a fixed array of numbers, which cannot grow with what clients send.
//!
//! # How a counter is found
//! A keyed hash of the key determines two lines of the array, one in each half, and a mark of 15
//! bits. A line is a cache line of eight cells. A cell is one number: the mark, two bits for the
//! class of its window, one bit for whether the last request was refused, and the time at which
//! everything taken is paid off. A cell whose time has passed is equivalent to an empty one, so it
//! is free for the next key. Nothing has to be swept or evicted.
//!
//! A key that finds no room in its first line takes a cell of the second one. Each first line
//! records until when it has such a key, so that most requests read only one cache line and that
//! record; otherwise both lines are read at the same time. With a million keys, nearly all of the
//! time is spent waiting for memory.
//!
//! # What happens when both lines are full
//! The new key shares one of these cells, which its hash chooses. The choice never changes, so a
//! key without its own cell gains no requests by it. It shares only if both keys fit: what is in
//! use must exceed neither the quota of the new key nor any window in the class of the cell's
//! owner, so that the owner never sees a time beyond its own window. Otherwise the key shares a
//! cell of a separate overflow array with some other keys of the same limit that find no room. A
//! flood of keys therefore makes limits stricter for some clients. Live counters are never
//! discarded; otherwise an attacker who can choose keys could erase those of others. A key that
//! moves from one shared cell to another starts anew there, once. The hash is keyed with a random
//! value of this process, so that nobody can choose which keys share.
//!
//! Windows of more than an hour have arrays of their own: keys that are counted for a month take no
//! room from those that are counted for a minute.
//!
//! # Why it is atomic
//! Each counter is one number, changed by compare-and-swap. For several windows, all are checked
//! first; then each one takes, and if one has run out meanwhile, the others give back.

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

const CELLS: usize = 8;
const DEFAULT_COUNTERS: usize = 1 << 20;
const FEWEST_COUNTERS: usize = 1 << 10;
const MOST_COUNTERS: usize = 1 << 24;
/// The number of overflow lines, for keys that find no room.
const OVERFLOW_LINES: usize = 64;

/// The bits of a cell's time: a point on a ring of two years. A cell more than the longest window
/// ahead is in the past.
const TIME_BITS: u32 = 46;
const TIME: u64 = (1 << TIME_BITS) - 1;
const REFUSED: u64 = 1 << TIME_BITS;
/// The class of the owner's window: two bits.
const CLASS_SHIFT: u32 = TIME_BITS + 1;
const MARK_BITS: u32 = 15;
/// A counter is ahead by at most the longest window and one interval; 33 days in ticks.
const LONGEST: u64 = (33 * 24 * 60 * 60) << 20;
const SECOND: u64 = 1 << 20;
/// The shortest window of each class, in seconds: for windows up to an hour, and above.
const SHORT_CLASSES: [u64; 4] = [1, 60, 900, 3_600];
const LONG_CLASSES: [u64; 4] = [3_600, 21_600, 86_400, 604_800];

/// Rate-limit counters in the memory of this process, in an array of fixed size.
///
/// Each provider creates one with its first limit; pass a clone of this to
/// [`limit_store`](crate::AuthProviderBuilder::limit_store) to share it. It applies to one
/// instance: `n` instances with separate counters allow `n` times as much.
///
/// # Bounds
/// 2^20 counters of 8 bytes by default, and half as many for windows of more than an hour (12.8 MiB
/// in all). A counter is in use until everything taken by its key has come back. Keys beyond that
/// number share counters, which makes their limits stricter.
#[derive(Clone)]
pub struct MemoryLimits {
    inner: Arc<Inner>,
}

struct Inner {
    hasher: RandomState,
    /// For windows of up to an hour.
    short: Part,
    /// For longer windows.
    long: Part,
    /// The latest current time that was passed, to a second. No later time was ever current.
    latest: AtomicU64,
}

/// The counters of some windows.
struct Part {
    lines: Lines,
    overflow: Lines,
    classes: [u64; 4],
}

impl MemoryLimits {
    /// Creates the default number of counters.
    #[must_use]
    pub fn new() -> Self {
        Self::with_counters(DEFAULT_COUNTERS)
    }

    /// Creates this number of counters, rounded up to a power of two between 2^10 and 2^24, and
    /// half as many for windows of more than an hour.
    #[must_use]
    pub fn with_counters(counters: usize) -> Self {
        let counters = counters.clamp(FEWEST_COUNTERS, MOST_COUNTERS).next_power_of_two();
        let inner = Inner {
            hasher: RandomState::new(),
            short: Part::new(counters / CELLS, SHORT_CLASSES),
            long: Part::new(counters / CELLS / 2, LONG_CLASSES),
            latest: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The memory that the counters take, in bytes. It never changes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.inner.short.memory() + self.inner.long.memory()
    }

    /// Like [`LimitStore::take`], without waiting.
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

/// Where the counters of a key are: the hash of the key and that of its limit alone.
struct Places {
    key: u64,
    scope: u64,
}

/// The result of one window for a request.
struct Step<'a> {
    state: LimitState,
    is_first_refusal: bool,
    /// The cell that was taken from, and its mark.
    cell: &'a AtomicU64,
    mark: u64,
}

impl Part {
    fn new(lines: usize, classes: [u64; 4]) -> Self {
        Self { lines: Lines::new(lines), overflow: Lines::new(OVERFLOW_LINES), classes }
    }

    fn memory(&self) -> usize {
        self.lines.memory() + self.overflow.memory()
    }

    fn class_of(&self, window: LimitWindow) -> u64 {
        let seconds = window.span().as_secs();
        self.classes.iter().skip(1).map(|shortest| u64::from(*shortest <= seconds)).sum()
    }

    /// How far ahead a cell of this class can be at most, whichever key owns it.
    fn bound(&self, mark: u64) -> u64 {
        let class = usize::try_from((mark >> CLASS_SHIFT) & 3).unwrap_or(0);
        self.classes.get(class).copied().unwrap_or(1) * SECOND
    }
}

impl Inner {
    fn places(&self, key: &CounterKey<'_>) -> Places {
        // A scope is a digest: one word of it distinguishes limits as well as all of it, since
        // clients do not choose limits.
        let scope = key.scope().first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.key());
        Places { key: hasher.finish() ^ scope, scope }
    }

    /// Written once per second, so that processors do not contend for it.
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
    #[expect(clippy::inline_always, reason = "measured: passing results through memory costs a fifth")]
    #[inline(always)]
    fn take_one(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Option<Step<'_>> {
        loop {
            let found = self.find(places, index, window, now)?;
            let (new, used, state) = match found.refusal(window) {
                // The time stays: it may belong to another key, or to a later current time.
                Some(state) if !found.has_jumped => (found.seen | REFUSED, found.used, state),
                Some(state) => {
                    (found.mark | REFUSED | (now.wrapping_add(found.used) & TIME), found.used, state)
                }
                None => {
                    let (after, state) = window.after(found.used);
                    (found.mark | (now.wrapping_add(after) & TIME), after, state)
                }
            };
            let is_first_refusal = state.is_refused() && found.seen & REFUSED == 0;
            if new == found.seen || found.swap(new, now.saturating_add(used)) {
                return Some(Step { state, is_first_refusal, cell: found.cell, mark: found.mark });
            }
        }
    }

    /// Records that a request was refused by this window; `false` if the previous one was too.
    fn mark_refused(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> bool {
        let Some(step) = self.take_one(places, index, window, now) else { return false };
        if !step.state.is_refused() {
            // Something was given back meanwhile.
            give_back(step.cell, step.mark, window, now);
        }
        step.is_first_refusal
    }

    #[expect(clippy::inline_always, reason = "measured: passing results through memory costs a fifth")]
    #[inline(always)]
    fn find(&self, places: &Places, index: usize, window: LimitWindow, now: u64) -> Option<Found<'_>> {
        let part = if window.span().as_secs() > 3_600 { &self.long } else { &self.short };
        let (class, full) = (part.class_of(window), window.full());
        let found = part.lines.find(mixed(places.key, index as u64), class, now)?;
        if !found.is_shared && found.used <= full + JUMP {
            return Some(Found { most: full, ..found });
        }
        self.find_beyond(part, found, places, index, window, now)
    }

    /// For a key whose cells all belong to others, or whose own cell is beyond its window.
    #[cold]
    fn find_beyond<'a>(
        &'a self,
        part: &'a Part,
        mut found: Found<'a>,
        places: &Places,
        index: usize,
        window: LimitWindow,
        now: u64,
    ) -> Option<Found<'a>> {
        let (index, class, full) = (index as u64, part.class_of(window), window.full());
        found.most = full;
        if found.is_shared {
            found.most = full.min(part.bound(found.mark));
            if found.used <= found.most {
                return Some(found);
            }
        } else if self.has_jumped(found.used - full, now) {
            found.used = full;
            found.has_jumped = true;
            return Some(found);
        }
        // Some keys of one limit share a cell of the overflow array, so that not all of them share
        // a single cell.
        let hash = self.hasher.hash_one((places.scope, index, places.key & 0xff));
        let mut found = part.overflow.find(hash, class, now)?;
        found.most = if found.is_shared { full.min(part.bound(found.mark)) } else { full };
        if !found.is_shared && found.used > full + JUMP && self.has_jumped(found.used - full, now) {
            found.used = full;
            found.has_jumped = true;
        }
        Some(found)
    }

    /// Whether the latest time ever seen explains a cell this far beyond its window. If not, it is
    /// the cell of a longer window whose key has the same mark.
    fn has_jumped(&self, beyond: u64, now: u64) -> bool {
        let latest = self.latest.load(Ordering::Relaxed);
        beyond <= latest.saturating_sub(now).saturating_add(SECOND)
    }
}

/// Gives back what was taken from this cell, if it still belongs to the same key.
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

/// Identifies the owner of a cell: the mark of the key, and the class of its window.
const fn marked(cell: u64) -> u64 {
    cell & !(TIME | REFUSED)
}

/// Spreads the counters of one key's windows.
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

/// Lines in two halves of the same length, a power of two.
struct Lines {
    first: Box<[Line]>,
    second: Box<[Line]>,
    /// For each line of the first half, until when a counter that found no room there is in the
    /// second half, so that the second half is read only then. In ticks; never decreases.
    spilled: Box<[AtomicU64]>,
}

/// The cell found for a key.
struct Found<'a> {
    cell: &'a AtomicU64,
    /// The value that was read from the cell.
    seen: u64,
    /// How far the cell is ahead of the current time.
    used: u64,
    /// The mark that the cell keeps or gets.
    mark: u64,
    /// Whether the cell belongs to another key.
    is_shared: bool,
    /// The record to update, if the cell is in the second half.
    spilled: Option<&'a AtomicU64>,
    /// How far ahead the cell may be.
    most: u64,
    /// Whether the cell is beyond its window because the clock has jumped back.
    has_jumped: bool,
}

impl Found<'_> {
    /// Replaces the value that was read by `cell`, which is paid off at `until`, if the cell still
    /// has that value.
    fn swap(&self, cell: u64, until: u64) -> bool {
        // Recorded first, so that no thread looks for the cell only in the first half.
        if let Some(spilled) = self.spilled {
            spilled.fetch_max(until, Ordering::Relaxed);
        }
        self.cell.compare_exchange(self.seen, cell, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The refusal, if there is no room for another request.
    fn refusal(&self, window: LimitWindow) -> Option<LimitState> {
        let room = self.most.saturating_sub(self.used);
        let missing = window.full().saturating_sub(self.most);
        (room < window.cost()).then(|| window.refused(self.used.saturating_add(missing)))
    }
}

impl Lines {
    fn new(lines: usize) -> Self {
        let half = || (0..lines / 2).map(|_| Line::default()).collect();
        let spilled = (0..lines / 2).map(|_| AtomicU64::new(0)).collect();
        Self { first: half(), second: half(), spilled }
    }

    fn memory(&self) -> usize {
        (self.first.len() + self.second.len()) * size_of::<Line>()
            + self.spilled.len() * size_of::<AtomicU64>()
    }

    /// Finds the cell for this hash: its own one, else a free one, else the one of another key that
    /// the hash chooses.
    #[expect(clippy::inline_always, reason = "measured: passing results through memory costs a fifth")]
    #[inline(always)]
    fn find(&self, hash: u64, class: u64, now: u64) -> Option<Found<'_>> {
        // Never zero, so that an empty cell belongs to no key.
        let mark = (hash >> (64 - MARK_BITS)).max(1) << (64 - MARK_BITS) | class << CLASS_SHIFT;
        let chosen = usize::try_from(hash & 0x000f_ffff).unwrap_or(0) & (self.first.len() - 1);
        let (line, spilled) = (&self.first.get(chosen)?.0, self.spilled.get(chosen)?);
        let found = |cell, seen, used| Found {
            cell,
            seen,
            used,
            mark,
            is_shared: false,
            spilled: None,
            most: 0,
            has_jumped: false,
        };
        // Both come from memory at the same time.
        let is_spilled = spilled.load(Ordering::Relaxed) > now;
        let is_own = |seen| marked(seen) == mark;
        let first = Seen::of(line);
        if !is_spilled {
            if let Some((cell, seen)) = first.find(is_own) {
                return Some(found(cell, seen, ahead(seen, now)));
            }
            if let Some((cell, seen)) = first.find(|seen| is_free(seen, now)) {
                return Some(found(cell, seen, 0));
            }
        }
        let chosen = usize::try_from((hash >> 20) & 0x000f_ffff).unwrap_or(0) & (self.second.len() - 1);
        let other = &self.second.get(chosen)?.0;
        let spilled = Some(spilled);
        // Both lines are requested before either is examined, so that they arrive at the same time.
        let second = Seen::of(other);
        let [own, own_beyond] = [first.places(is_own), second.places(is_own)];
        if own | own_beyond != 0 {
            if let Some((cell, seen)) = first.at(own) {
                return Some(found(cell, seen, ahead(seen, now)));
            }
            if let Some((cell, seen)) = second.at(own_beyond) {
                return Some(Found { spilled, ..found(cell, seen, ahead(seen, now)) });
            }
        }
        if let Some((cell, seen)) = first.find(|seen| is_free(seen, now)) {
            return Some(found(cell, seen, 0));
        }
        if let Some((cell, seen)) = second.find(|seen| is_free(seen, now)) {
            return Some(Found { spilled, ..found(cell, seen, 0) });
        }
        let chosen = usize::try_from((hash >> 40) & 0xff).unwrap_or(0);
        let line = if (chosen / CELLS).is_multiple_of(2) { line } else { other };
        let cell = line.get(chosen % CELLS)?;
        let seen = cell.load(Ordering::Relaxed);
        Some(Found { mark: marked(seen), is_shared: true, ..found(cell, seen, ahead(seen, now)) })
    }
}

/// A line, and the values of its cells when it was read.
///
/// All decisions are based on one reading. If a new key's own cell and a free cell were looked for
/// in two readings, a concurrent request of the key could take a cell in between; this request
/// would miss it and take another one. A cell that has changed since the reading is noticed by the
/// swap.
struct Seen<'a> {
    line: &'a [AtomicU64; CELLS],
    cells: [u64; CELLS],
}

impl<'a> Seen<'a> {
    #[inline]
    fn of(line: &'a [AtomicU64; CELLS]) -> Self {
        Self { line, cells: line.each_ref().map(|cell| cell.load(Ordering::Relaxed)) }
    }

    /// The cells for which the condition holds, one bit for each.
    ///
    /// All cells are examined without branches: the position of a mark cannot be predicted, and a
    /// mispredicted branch would wait until the line has arrived from memory.
    #[inline]
    fn places(&self, holds: impl Fn(u64) -> bool) -> u32 {
        let place = |(place, cell): (usize, &u64)| u32::from(holds(*cell)) << place;
        self.cells.iter().enumerate().map(place).fold(0, |places, place| places | place)
    }

    /// The first of these cells, and its value.
    #[inline]
    fn at(&self, places: u32) -> Option<(&'a AtomicU64, u64)> {
        let place = usize::try_from(places.trailing_zeros()).ok()?;
        Some((self.line.get(place)?, *self.cells.get(place)?))
    }

    /// The first cell for which the condition holds.
    #[inline]
    fn find(&self, holds: impl Fn(u64) -> bool) -> Option<(&'a AtomicU64, u64)> {
        self.at(self.places(holds))
    }
}

/// How far a cell is ahead of the current time; zero if it is behind, or empty.
const fn ahead(cell: u64, now: u64) -> u64 {
    let ahead = (cell & TIME).wrapping_sub(now & TIME) & TIME;
    if cell == 0 || ahead > LONGEST { 0 } else { ahead }
}

/// Whether a cell is not ahead of the current time. Without branches.
const fn is_free(cell: u64, now: u64) -> bool {
    let ahead = (cell & TIME).wrapping_sub(now & TIME) & TIME;
    (cell == 0) | (ahead.wrapping_sub(1) >= LONGEST)
}
