//! The counters of rate limits beside those of `governor`, in one run: one hot key, a million keys,
//! and the memory that one and ten million keys take.
//!
//! governor is measured twice: with the clock that it has by default, which reads the counter of
//! the processor, and with the clock of the system, which is what fauth asks.
//!
//! `cargo run --release`. The exit code is 0 only if fauth takes no more than half of governor's
//! time at one million keys, whichever clock it has, and if its memory does not grow.

use std::{
    fs,
    hint::black_box,
    io::{self, Write as _},
    num::NonZeroU32,
    process::ExitCode,
    time::Duration,
};

use fauth_core::{
    clock::{Clock as _, SystemClock},
    store::{CounterKey, LimitWindow, MemoryLimits},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, SystemClock as GovernorSystemClock},
    middleware::NoOpMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

/// With the store for many keys that it has by default.
type Governor<C> = RateLimiter<Key, DefaultKeyedStateStore<Key>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// As an address is counted: 16 bytes.
type Key = [u8; 16];
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const QUOTA: u32 = 1000;
const MILLION: u64 = 1_000_000;
const ROUNDS: usize = 15;
const HOT_CALLS: u64 = 2_000_000;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "limit-rivals: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<bool> {
    let keys = shuffled(MILLION);
    let hot: Key = [7; 16];
    let fauth = Fauth::new()?;
    let own_clock = governor(DefaultClock::default())?;
    let same_clock = governor(GovernorSystemClock)?;

    let mut hot_times = Times::default();
    let mut cold_times = Times::default();
    for _ in 0..ROUNDS {
        let hot = || (0..HOT_CALLS).map(|_| &hot);
        hot_times.note(HOT_CALLS, hot, &fauth, &own_clock, &same_clock)?;
        cold_times.note(MILLION, || keys.iter(), &fauth, &own_clock, &same_clock)?;
    }
    drop((keys, own_clock, same_clock));

    let mut out = io::stdout();
    writeln!(out, "ns of processor time per request, median of {ROUNDS} interleaved rounds")?;
    writeln!(out, "                    fauth  governor  governor, same clock")?;
    let [ours, theirs, same] = hot_times.medians();
    writeln!(out, "one hot key        {ours:6.1}    {theirs:6.1}    {same:6.1}")?;
    let [ours, theirs, same] = cold_times.medians();
    writeln!(
        out,
        "one million keys   {ours:6.1}    {theirs:6.1}    {same:6.1}    {:.1} and {:.1} times",
        theirs / ours,
        same / ours
    )?;
    let is_twice_as_fast = ours * 2.0 <= theirs.min(same);

    writeln!(out, "memory in MiB")?;
    let before = fauth.counters.memory();
    for count in [MILLION, 10 * MILLION] {
        let governor = governor_growth(count)?;
        for number in 0..count {
            black_box(fauth.passes(&key(number)));
        }
        let own = mebibytes(fauth.counters.memory());
        writeln!(out, "{:2} million keys    {own:6.1}    {:6.1}", count / MILLION, mebibytes(governor))?;
    }
    let is_fixed = fauth.counters.memory() == before;
    writeln!(out, "twice as fast at one million keys: {is_twice_as_fast}; memory is fixed: {is_fixed}")?;
    Ok(is_twice_as_fast && is_fixed)
}

/// What a provider asks for one request: the time, and one counter.
struct Fauth {
    counters: MemoryLimits,
    scope: [u8; 32],
    windows: [LimitWindow; 1],
}

impl Fauth {
    fn new() -> Outcome<Self> {
        let windows = [LimitWindow::new(QUOTA, Duration::from_secs(60))?];
        Ok(Self { counters: MemoryLimits::new(), scope: CounterKey::scope_of(["rivals"]), windows })
    }

    fn passes(&self, key: &Key) -> bool {
        let Ok(now) = SystemClock.now_precise() else { return false };
        !self.counters.take_now(&CounterKey::new(self.scope, &key[..]), &self.windows, now).is_refused()
    }
}

fn governor<C: Clock>(clock: C) -> Outcome<Governor<C>> {
    let quota = NonZeroU32::new(QUOTA).ok_or("no quota")?;
    Ok(RateLimiter::new(Quota::per_minute(quota), DefaultKeyedStateStore::default(), clock))
}

/// How many bytes the process grows by while so many keys come.
fn governor_growth(count: u64) -> Outcome<usize> {
    let before = resident()?;
    let governor = governor(DefaultClock::default())?;
    for number in 0..count {
        black_box(governor.check_key(&key(number)).is_ok());
    }
    let grown = resident()?.saturating_sub(before);
    drop(black_box(governor));
    Ok(grown)
}

fn resident() -> Outcome<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The time of the processor, not of the wall: others may work on this machine.
#[expect(clippy::cast_precision_loss, reason = "there are some millions")]
fn per_call(calls: u64, work: impl FnOnce()) -> Outcome<f64> {
    let begun = worked()?;
    work();
    Ok((worked()? - begun) as f64 / calls as f64)
}

/// For how many nanoseconds this thread has had a processor.
fn worked() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(status.split(' ').next().ok_or("no schedstat")?.parse()?)
}

fn key(number: u64) -> Key {
    let mut key = [0; 16];
    for (place, byte) in key.iter_mut().zip(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()) {
        *place = byte;
    }
    key
}

/// All keys, in an order that no cache foresees.
fn shuffled(count: u64) -> Vec<Key> {
    let mut keys: Vec<_> = (0..count).map(key).collect();
    keys.sort_unstable_by_key(|key| {
        let number = key.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        number.wrapping_mul(0xbf58_476d_1ce4_e5b9)
    });
    keys
}

/// Of fauth, of governor, and of governor with the clock of fauth.
#[derive(Default)]
struct Times([Vec<f64>; 3]);

impl Times {
    /// Measures one after the other.
    fn note<'k, K: Iterator<Item = &'k Key>>(
        &mut self,
        calls: u64,
        keys: impl Fn() -> K,
        fauth: &Fauth,
        own_clock: &Governor<DefaultClock>,
        same_clock: &Governor<GovernorSystemClock>,
    ) -> Outcome<()> {
        let [ours, theirs, same] = &mut self.0;
        ours.push(per_call(calls, || {
            keys().for_each(|key| {
                black_box(fauth.passes(key));
            });
        })?);
        theirs.push(per_call(calls, || {
            keys().for_each(|key| {
                black_box(own_clock.check_key(key).is_ok());
            });
        })?);
        same.push(per_call(calls, || {
            keys().for_each(|key| {
                black_box(same_clock.check_key(key).is_ok());
            });
        })?);
        Ok(())
    }

    fn medians(&self) -> [f64; 3] {
        self.0.each_ref().map(|times| median(times))
    }
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
