//! The counters of rate limits in memory: what a flood of keys does to them.

use std::{collections::HashSet, time::Duration};

use fauth_core::store::{CounterKey, LimitWindow, MemoryLimits};

const NOW: Duration = Duration::from_secs(1_767_225_600);

fn window(quota: u32, seconds: u64) -> LimitWindow {
    LimitWindow::new(quota, Duration::from_secs(seconds)).unwrap()
}

fn scope() -> [u8; 32] {
    CounterKey::scope_of(["stores"])
}

fn passes(counters: &MemoryLimits, key: &str, windows: &[LimitWindow], now: Duration) -> bool {
    !counters.take_now(&CounterKey::new(scope(), key.as_bytes()), windows, now).is_refused()
}

#[test]
fn the_memory_is_what_it_is() {
    let counters = MemoryLimits::with_counters(1 << 14);
    let before = counters.memory();
    assert!((8 << 14..(8 << 14) + 8192).contains(&before), "{before}");
    let windows = [window(5, 60)];
    for number in 0..200_000 {
        passes(&counters, &format!("client {number}"), &windows, NOW);
    }
    assert_eq!(counters.memory(), before);
    assert_eq!(MemoryLimits::with_counters(0).memory(), MemoryLimits::with_counters(1024).memory());
    assert_eq!(MemoryLimits::with_counters(1025).memory(), MemoryLimits::with_counters(2048).memory());
}

/// With room to spare, keys do not meet.
#[test]
fn keys_that_fit_are_counted_each_by_itself() {
    let counters = MemoryLimits::with_counters(1 << 14);
    let windows = [window(2, 60)];
    let passed = |count: usize| {
        let keys = (0..4_000).map(|number| format!("client {number}"));
        keys.filter(|key| (0..count).all(|_| passes(&counters, key, &windows, NOW))).count()
    };
    let passed = passed(2);
    assert!(passed >= 3_990, "{passed} of 4000 clients had both of their requests");
    let third = (0..4_000).filter(|number| passes(&counters, &format!("client {number}"), &windows, NOW));
    assert_eq!(third.count(), 0, "nobody has a third one");
}

/// An attacker who chooses keys cannot wipe out a counter by making others.
#[test]
fn a_flood_of_keys_forgets_nobody() {
    let counters = MemoryLimits::with_counters(1024);
    let windows = [window(3, 60)];
    let victims: Vec<_> = (0..50).map(|number| format!("victim {number}")).collect();
    for victim in &victims {
        while passes(&counters, victim, &windows, NOW) {}
    }
    for number in 0..100_000 {
        passes(&counters, &format!("flood {number}"), &windows, NOW);
    }
    let forgotten: Vec<_> =
        victims.iter().filter(|victim| passes(&counters, victim, &windows, NOW)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// A flood makes limits stricter, and for no longer than a window.
#[test]
fn after_a_flood_everybody_is_let_in_again() {
    let counters = MemoryLimits::with_counters(1024);
    for number in 0..100_000 {
        passes(&counters, &format!("long {number}"), &[window(1, 86_400)], NOW);
    }
    let minute = [window(5, 60)];
    let mut locked_out = 0;
    for number in 0..1_000 {
        let key = format!("short {number}");
        locked_out += u32::from(!passes(&counters, &key, &minute, NOW));
    }
    // Keys of the limit by minute share some cells, and not those that are taken for a day.
    assert!(locked_out < 1_000, "nobody got in");
    let later = NOW + Duration::from_secs(60);
    let back = (0..30).filter(|number| passes(&counters, &format!("short {number}"), &minute, later)).count();
    assert!(back >= 20, "{back} of 30 are let in a minute later");
}

/// Two processes, or two tables, place the same keys differently: who meets whom cannot be chosen.
#[test]
fn who_shares_a_counter_is_different_in_each_process() {
    let met = || {
        let counters = MemoryLimits::with_counters(1024);
        let windows = [window(1, 60)];
        let keys = (0..4_000).map(|number| format!("client {number}"));
        keys.filter(|key| !passes(&counters, key, &windows, NOW)).collect::<HashSet<_>>()
    };
    let (one, other) = (met(), met());
    assert!(!one.is_empty() && one != other);
}

#[test]
fn many_threads_let_through_what_one_does() {
    let counters = MemoryLimits::with_counters(1024);
    for round in 0..50 {
        let windows = if round % 2 == 0 {
            [window(100, 60), window(150, 3600)]
        } else {
            [window(150, 60), window(100, 3600)]
        };
        let key = format!("client {round}");
        let passed: usize = std::thread::scope(|scope| {
            let take = || (0..100).filter(|_| passes(&counters, &key, &windows, NOW)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }
}
