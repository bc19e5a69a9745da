//! Counters of rate limits.

use std::{sync::Arc, time::Duration};

use fauth_core::store::{CounterKey, LimitStore, LimitWindow, MemoryLimits, Taken};

use super::{NOW, races::all_at_once, store_cases};

fn window(quota: u32, seconds: u64) -> LimitWindow {
    LimitWindow::new(quota, Duration::from_secs(seconds)).unwrap()
}

fn key(name: &str) -> CounterKey<'_> {
    CounterKey::new(CounterKey::scope_of(["suite", "limit"]), name.as_bytes())
}

/// This many milliseconds after [`NOW`].
fn at(millis: u64) -> Duration {
    Duration::from_secs(NOW.unix_seconds().unsigned_abs()) + Duration::from_millis(millis)
}

async fn take(store: &impl LimitStore, name: &str, windows: &[LimitWindow], millis: u64) -> Taken {
    store.take(&key(name), windows, at(millis)).await.unwrap()
}

/// For each window, what is left, and in how many milliseconds one more request passes.
fn shown(taken: &Taken) -> Vec<(u32, u128)> {
    taken.states().map(|state| (state.remaining(), state.next().as_millis())).collect()
}

/// Takes as often as possible, and returns how often.
async fn exhaust(store: &impl LimitStore, name: &str, windows: &[LimitWindow], millis: u64) -> usize {
    for passed in 0..1000 {
        if take(store, name, windows, millis).await.is_refused() {
            return passed;
        }
    }
    1000
}

store_cases! { $ __store_limits_tests in limits for LimitStore;
    async fn the_quota_passes_and_no_more(t) {
        let windows = [window(5, 60)];
        for left in (0..5).rev() {
            let taken = take(&*t.store, "alice", &windows, 0).await;
            assert!(!taken.is_refused());
            assert_eq!(shown(&taken), [(left, 12_000)]);
        }
        let refused = take(&*t.store, "alice", &windows, 0).await;
        assert!(refused.is_refused());
        assert_eq!((shown(&refused), refused.retry_after()), (vec![(0, 12_000)], Duration::from_secs(12)));
    }

    async fn one_comes_back_at_a_time_and_never_too_early(t) {
        let windows = [window(5, 60)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 0).await, 5);
        assert!(take(&*t.store, "alice", &windows, 11_999).await.is_refused());
        assert_eq!(exhaust(&*t.store, "alice", &windows, 12_000).await, 1);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 36_000).await, 2);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 96_000).await, 5);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 9_000_000).await, 5);
    }

    async fn parts_of_a_second_count(t) {
        let windows = [window(10, 1)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 0).await, 10);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 99).await, 0);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 101).await, 1);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 301).await, 2);
    }

    async fn all_windows_take_or_none(t) {
        let windows = [window(2, 10), window(3, 60)];
        assert_eq!(shown(&take(&*t.store, "alice", &windows, 0).await), [(1, 5_000), (2, 20_000)]);
        assert_eq!(shown(&take(&*t.store, "alice", &windows, 0).await), [(0, 5_000), (1, 20_000)]);
        for _ in 0..5 {
            let refused = take(&*t.store, "alice", &windows, 0).await;
            assert!(refused.is_refused());
            // The second window has not counted it.
            assert_eq!(shown(&refused), [(0, 5_000), (1, 20_000)]);
            assert_eq!(refused.retry_after(), Duration::from_secs(5));
        }
        assert_eq!(exhaust(&*t.store, "alice", &windows, 10_000).await, 1);
        let refused = take(&*t.store, "alice", &windows, 10_000).await;
        assert_eq!((shown(&refused), refused.retry_after()), (vec![(1, 5_000), (0, 10_000)], Duration::from_secs(10)));
    }

    async fn four_windows_hold(t) {
        let windows = [window(3, 1), window(5, 60), window(7, 3600), window(9, 86_400)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 0).await, 3);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 1_000).await, 2);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 60_000).await, 2);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 3_600_000).await, 2);
        let refused = take(&*t.store, "alice", &windows, 7_200_000).await;
        assert_eq!(refused.retry_after(), Duration::from_secs(9_600 - 7_200));
    }

    async fn keys_and_scopes_are_counted_apart(t) {
        let windows = [window(2, 60)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 0).await, 2);
        assert_eq!(exhaust(&*t.store, "bob", &windows, 0).await, 2);
        assert_eq!(exhaust(&*t.store, "", &windows, 0).await, 2);
        assert_eq!(exhaust(&*t.store, &"x".repeat(10_000), &windows, 0).await, 2);
        let elsewhere = CounterKey::new(CounterKey::scope_of(["suite", "other"]), &b"alice"[..]);
        assert!(!t.store.take(&elsewhere, &windows, at(0)).await.unwrap().is_refused());
    }

    async fn another_instance_counts_with_this_one(t) {
        let windows = [window(4, 60)];
        let other = t.again().await;
        for _ in 0..2 {
            assert!(!take(&*t.store, "alice", &windows, 0).await.is_refused());
            assert!(!take(&*other, "alice", &windows, 0).await.is_refused());
        }
        assert!(take(&*t.store, "alice", &windows, 0).await.is_refused());
        assert!(take(&*other, "alice", &windows, 0).await.is_refused());
    }

    async fn a_stranger_counts_for_itself(t) {
        let windows = [window(1, 60)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 0).await, 1);
        assert_eq!(exhaust(&*t.stranger().await, "alice", &windows, 0).await, 1);
    }

    async fn the_first_refusal_is_told_from_the_rest(t) {
        let windows = [window(1, 60), window(100, 3600)];
        for start in [0, 60_000, 120_000] {
            assert!(!take(&*t.store, "alice", &windows, start).await.is_first_refusal());
            assert!(take(&*t.store, "alice", &windows, start).await.is_first_refusal());
            for later in 1..5 {
                let taken = take(&*t.store, "alice", &windows, start + later * 1_000).await;
                assert!(taken.is_refused() && !taken.is_first_refusal());
            }
        }
    }

    /// CVE-2019-5421: however many come at once.
    async fn of_many_at_once_as_many_pass_as_one_after_the_other(t) {
        for windows in [vec![window(20, 60)], vec![window(50, 10), window(20, 60), window(30, 3600)]] {
            let name = Arc::<str>::from(format!("alice {}", windows.len()));
            let windows = Arc::<[LimitWindow]>::from(windows);
            let tasks = t.instances(64).await.into_iter().map(|store| {
                let (name, windows) = (Arc::clone(&name), Arc::clone(&windows));
                async move { take(&*store, &name, &windows, 0).await }
            });
            let taken = all_at_once(tasks).await;
            assert_eq!(taken.iter().filter(|taken| !taken.is_refused()).count(), 20);
            assert_eq!(taken.iter().filter(|taken| taken.is_first_refusal()).count(), 1);
            assert_eq!(exhaust(&*t.store, &name, &windows, 3_000).await, 1);
        }
    }

    async fn a_clock_that_has_jumped_back_locks_nobody_out(t) {
        let windows = [window(5, 60)];
        assert_eq!(exhaust(&*t.store, "alice", &windows, 7_200_000).await, 5);
        let refused = take(&*t.store, "alice", &windows, 0).await;
        assert_eq!((refused.is_refused(), refused.retry_after()), (true, Duration::from_secs(12)));
        assert_eq!(exhaust(&*t.store, "alice", &windows, 12_000).await, 1);
        assert_eq!(exhaust(&*t.store, "alice", &windows, 72_000).await, 5);
    }

    /// Each instance uses its own clock: one that is behind refuses, and does not lower the other's
    /// count.
    async fn two_clocks_that_differ_let_nobody_through_twice(t) {
        for windows in [vec![window(5, 60)], vec![window(5, 60), window(100, 3600)]] {
            let name = format!("alice {}", windows.len());
            let mut passed = 0;
            for _ in 0..5 {
                passed += exhaust(&*t.store, &name, &windows, 120_000).await;
                passed += exhaust(&*t.store, &name, &windows, 0).await;
            }
            assert_eq!(passed, 5);
            assert_eq!(exhaust(&*t.store, &name, &windows, 132_000).await, 1);
        }
    }

    /// The rule is in `LimitWindow`; a backend that implements it again must agree.
    async fn it_counts_as_the_memory_does(t) {
        let memory = MemoryLimits::with_counters(1024);
        let policies = [
            vec![window(3, 7)],
            vec![window(1, 1), window(4, 13)],
            vec![window(7, 1), window(9, 2), window(40, 31), window(1000, 86_400)],
        ];
        // A random number generator with a fixed seed.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut millis = 0;
        for _ in 0..400 {
            let longest = if next(4) == 0 { 5_000 } else { 400 };
            millis += next(longest);
            let which = usize::try_from(next(3)).unwrap();
            let name = format!("{which} {}", next(2));
            let counted = take(&*t.store, &name, &policies[which], millis).await;
            assert_eq!(counted, take(&memory, &name, &policies[which], millis).await, "{name} at {millis}");
        }
    }
}
