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
    // Half as many for long windows, and 4 KiB for each for keys without room; of 16 numbers one
    // more, which says of two lines whether both are in use.
    assert_eq!(before, ((8 << 14) + (8 << 13) + 8192) / 16 * 17);
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

/// A flood of one limit makes that limit stricter, and takes no room of shorter windows.
#[test]
fn a_flood_of_a_long_window_takes_nothing_from_a_short_one() {
    let counters = MemoryLimits::with_counters(1024);
    for number in 0..100_000 {
        passes(&counters, &format!("long {number}"), &[window(1, 86_400)], NOW);
    }
    let minute = [window(5, 60)];
    let keys = || (0..300).map(|number| format!("short {number}"));
    let locked_out = keys().filter(|key| !passes(&counters, key, &minute, NOW)).count();
    // By chance two keys may have one mark.
    assert!(locked_out <= 3, "{locked_out} of 300 are locked out");
}

/// Within one class of windows the flood is over after its own window.
#[test]
fn after_a_flood_everybody_is_let_in_again() {
    let counters = MemoryLimits::with_counters(1024);
    let minute = [window(5, 60)];
    for number in 0..100_000 {
        passes(&counters, &format!("flood {number}"), &minute, NOW);
    }
    let passing =
        |now| (0..300).filter(|number| passes(&counters, &format!("short {number}"), &minute, now)).count();
    assert_eq!(passing(NOW), 0, "all counters are used up");
    let back = passing(NOW + Duration::from_secs(60));
    assert!(back >= 290, "{back} of 300 are let in a minute later");
}

/// Whoever comes when nothing is free has the quota and no more, however many cells there are.
#[test]
fn a_key_without_a_counter_of_its_own_has_its_quota_at_most() {
    for windows in [vec![window(5, 86_400)], vec![window(5, 60)], vec![window(50, 60), window(5, 86_400)]] {
        let counters = MemoryLimits::with_counters(1024);
        for number in 0..1_100 {
            passes(&counters, &format!("flood {number}"), &windows, NOW);
        }
        let mut most = 0;
        for number in 0..300 {
            let key = format!("late {number}");
            most = most.max((0..200).filter(|_| passes(&counters, &key, &windows, NOW)).count());
        }
        assert!((1..=5).contains(&most), "{most} of 5 with {windows:?}");
    }
}

/// The owner of a counter for minutes still waits as long when keys of other windows share it.
#[test]
fn who_shares_a_counter_shortens_it_for_nobody() {
    let counters = MemoryLimits::with_counters(1024);
    let (quarter, minute) = ([window(1, 900)], [window(3, 60)]);
    let victims: Vec<_> = (0..900).map(|number| format!("victim {number}")).collect();
    let taken: Vec<_> = victims.iter().filter(|victim| passes(&counters, victim, &quarter, NOW)).collect();
    assert!(taken.len() >= 700, "{}", taken.len());
    for number in 0..20_000 {
        passes(&counters, &format!("flood {number}"), &minute, NOW);
    }
    let later = NOW + Duration::from_secs(890);
    let freed: Vec<_> = taken.iter().filter(|victim| passes(&counters, victim, &quarter, later)).collect();
    assert!(freed.is_empty(), "{} are free too early", freed.len());
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
