//! The rules, without a store.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

const ONE: u64 = 1;
const OTHER: u64 = 2;

/// Two spellings of a name.
const ALICE: u64 = 7;
const CAPITALS: u64 = 8;

fn rules() -> Rules {
    LoginThrottle::new().build().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000_000 + seconds)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long an attempt has to wait; `None` if it was counted.
fn wait(verdict: Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Counted => None,
        Verdict::Refused(refusal) => Some(refusal.retry_after),
    }
}

#[test]
fn settings_have_bounds() {
    let good = LoginThrottle::new;
    assert!(good().build().is_ok());
    let minute = seconds(60);
    for bad in [
        good().by_account_and_address(0, minute),
        good().by_account_and_address(1001, minute),
        good().by_address(0, minute),
        good().by_address(100_001, minute),
        good().by_address(20, Duration::ZERO),
        good().by_address(20, Duration::MAX),
        good().tokens_by_address(0, minute),
        good().delays_after(0),
        good().delays_after(101),
        good().unlock_after(0),
        good().unlock_after(101),
        good().unlock_after(4),
        good().longest_delay(Duration::ZERO),
        good().longest_delay(seconds(86_401)),
        good().familiar_for(seconds(3599)),
        good().familiar_for(Duration::MAX),
    ] {
        let error = bad.build().unwrap_err();
        assert_eq!(error.field(), "login_throttle", "{bad:?}");
    }
    let edges = good().delays_after(1).unlock_after(1).longest_delay(seconds(1)).familiar_for(seconds(3600));
    assert!(edges.build().is_ok());
}

#[test]
fn delays_double_up_to_the_longest() {
    let rules = rules();
    let delays: Vec<_> = (0..17).map(|failures| rules.delay(failures).as_secs()).collect();
    assert_eq!(delays, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert_eq!(rules.delay(u32::MAX), seconds(900));
}

#[test]
fn a_pair_may_fail_five_times_and_then_every_twelve_seconds() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..5 {
        assert_eq!(wait(record.count(ONE, false, &rules, at(0))), None);
    }
    assert_eq!(wait(record.count(ONE, false, &rules, at(0))), Some(seconds(12)));
    assert_eq!(wait(record.count(ONE, false, &rules, at(11))), Some(seconds(1)));
    assert_eq!(wait(record.count(ONE, false, &rules, at(12))), None);
}

#[test]
fn the_delay_of_an_account_counts_for_every_address_and_grows() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    let mut now = 0;
    for (tag, delay) in (0..20).zip([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
        if delay > 0 {
            let refused = wait(record.count(1000 + tag, false, &rules, at(now)));
            assert_eq!(refused, Some(seconds(delay)));
            now += i64::try_from(delay).unwrap();
        }
        assert_eq!(wait(record.count(tag, false, &rules, at(now))), None, "{tag}");
    }
}

#[test]
fn what_is_refused_is_not_counted() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..100 {
        record.count(ONE, false, &rules, at(0));
    }
    assert_eq!(record.state(&rules, at(0)).failures, 5);
}

#[test]
fn after_a_hundred_failures_only_an_exempt_attempt_is_counted() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    let mut now = 0;
    while record.state(&rules, at(now)).failures < 100 {
        record.count(u64::try_from(now).unwrap(), false, &rules, at(now));
        now += 900;
    }
    let state = record.state(&rules, at(now));
    assert!(state.needs_unlock);
    let verdict = record.count(ONE, false, &rules, at(now));
    assert!(matches!(verdict, Verdict::Refused(Refusal { reason: "locked", .. })), "{verdict:?}");
    assert_eq!(wait(record.count(ONE, true, &rules, at(now))), None);
    record.succeed(ONE);
    assert!(record.state(&rules, at(now)).needs_unlock, "for all others");
    // It is not for good either.
    assert_eq!(wait(record.count(ONE, false, &rules, at(now + 31 * 86_400))), None);
}

#[test]
fn a_success_forgets_what_its_own_address_has_failed() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for tag in [ONE, ONE, OTHER, OTHER] {
        record.count(tag, false, &rules, at(0));
    }
    record.succeed(ONE);
    assert_eq!(record.state(&rules, at(0)).failures, 2);
    record.succeed(OTHER);
    assert_eq!(record.state(&rules, at(0)).failures, 0);
}

#[test]
fn failures_are_forgotten_the_later_the_more_there_are() {
    let rules = rules();
    for (failures, remembered) in [(1, 3600), (4, 3600), (5, 86_400)] {
        let mut record = AccountRecord::default();
        for tag in 0..failures {
            record.count(tag, false, &rules, at(0));
        }
        let counted = |seconds| record.state(&rules, at(seconds)).failures;
        assert_eq!((counted(remembered - 1), counted(remembered)), (u32::try_from(failures).unwrap(), 0));
        assert!(record.kept_until(&rules, at(0)) >= at(remembered));
    }
}

#[test]
fn a_familiar_address_is_counted_by_itself() {
    let (rules, mut record) = (rules(), FamiliarRecord::default());
    assert_eq!(record.count(ONE, false, &rules, at(0)), None, "nobody has logged in");
    record.succeed(ONE, ALICE, Epochs::default(), &rules, at(0));
    assert_eq!(record.count(OTHER, false, &rules, at(0)), None);
    for _ in 0..5 {
        assert_eq!(record.count(ONE, false, &rules, at(0)), Some(Verdict::Counted));
    }
    assert_eq!(record.count(ONE, false, &rules, at(0)).and_then(wait), Some(seconds(12)));
    record.succeed(ONE, ALICE, Epochs::default(), &rules, at(1));
    assert_eq!(record.count(ONE, false, &rules, at(1)), Some(Verdict::Counted));
    assert_eq!(record.count(ONE, false, &rules, at(30 * 86_400)), Some(Verdict::Counted));
    assert_eq!(record.count(ONE, false, &rules, at(30 * 86_400 + 1)), None, "no login for 30 days");
}

#[test]
fn the_last_sixteen_addresses_are_familiar() {
    let (rules, mut record) = (rules(), FamiliarRecord::default());
    for tag in 0..17 {
        record.succeed(tag, ALICE, Epochs::default(), &rules, at(i64::try_from(tag).unwrap()));
    }
    assert_eq!(record.len(ALICE, at(20)), 16);
    assert_eq!(record.count(0, false, &rules, at(20)), None);
    assert!(record.count(1, false, &rules, at(20)).is_some());
}

#[test]
fn what_is_ended_ends_what_is_familiar_at_the_next_failure() {
    let of = |logins, user| Epochs { logins, user };
    for (then, now, is_forgotten) in [
        (of(0, 0), of(0, 0), false),
        (of(7, 1), of(7, 1), false),
        (of(7, 1), of(8, 1), true),
        (of(7, 1), of(7, 2), true),
        // Of an epoch that was forgotten with all that it has ended.
        (of(7, 1), of(0, 1), false),
    ] {
        let (rules, mut record) = (rules(), FamiliarRecord::default());
        record.succeed(ONE, ALICE, then, &rules, at(0));
        record.succeed(OTHER, ALICE, then, &rules, at(0));
        record = FamiliarRecord::decode(&record.encode()).unwrap();
        assert_eq!(record.forget_outdated(ONE, now), is_forgotten, "{then:?} {now:?}");
        assert_eq!(record.count(ONE, false, &rules, at(1)).is_none(), is_forgotten, "{then:?} {now:?}");
        assert!(record.count(OTHER, false, &rules, at(1)).is_some(), "nothing has failed there");
    }
}

#[test]
fn another_spelling_drives_out_only_its_own_addresses() {
    let (rules, mut record) = (rules(), FamiliarRecord::default());
    record.succeed(ONE, ALICE, Epochs::default(), &rules, at(0));
    for tag in 100..200 {
        record.succeed(tag, CAPITALS, Epochs::default(), &rules, at(1));
    }
    assert_eq!((record.len(ALICE, at(2)), record.len(CAPITALS, at(2))), (1, 15));
    assert!(record.count(ONE, false, &rules, at(2)).is_some());
}

#[test]
fn what_an_address_has_failed_is_forgotten_with_the_rest() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..4 {
        record.count(ONE, false, &rules, at(0));
    }
    for tag in [10, 11, 12, ONE] {
        record.count(tag, false, &rules, at(4000));
    }
    record.succeed(ONE);
    assert_eq!(record.state(&rules, at(4000)).failures, 3, "those of others stay");
}

#[test]
fn an_attempt_whose_address_was_driven_out_meanwhile_is_taken_back_by_its_success() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    record.count(ONE, false, &rules, at(0));
    for tag in 10..18 {
        record.count(tag, true, &rules, at(1));
    }
    assert_eq!(record.state(&rules, at(1)).failures, 9);
    record.succeed(ONE);
    assert_eq!(record.state(&rules, at(1)).failures, 8);
}

#[test]
fn an_exempt_attempt_that_is_taken_back_makes_no_room() {
    let (rules, mut account, mut familiar) = (rules(), AccountRecord::default(), FamiliarRecord::default());
    familiar.succeed(ONE, ALICE, Epochs::default(), &rules, at(0));
    for exempt in [false, false, false, false, false, true] {
        account.count(ONE, exempt, &rules, at(0));
        familiar.count(ONE, exempt, &rules, at(0));
    }
    account.take_back(ONE, true, &rules, at(0));
    familiar.take_back(ONE, true, &rules, at(0));
    assert_eq!(wait(account.count(ONE, false, &rules, at(0))), Some(seconds(12)));
    assert_eq!(familiar.count(ONE, false, &rules, at(0)).and_then(wait), Some(seconds(12)));
}

#[test]
fn an_event_is_due_once_a_minute() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..5 {
        record.count(ONE, false, &rules, at(0));
    }
    let mut first = |now| match record.look(ONE, &rules, at(now)) {
        Verdict::Refused(refusal) => refusal.is_first,
        Verdict::Counted => panic!("not refused"),
    };
    assert_eq!([first(0), first(1), first(5)], [true, false, false]);
    for _ in 0..5 {
        record.count(ONE, true, &rules, at(60));
    }
    let refused = record.look(ONE, &rules, at(60));
    assert!(matches!(refused, Verdict::Refused(Refusal { is_first: true, .. })), "{refused:?}");
}

#[test]
fn two_clocks_that_differ_let_nobody_through_twice() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..5 {
        record.count(ONE, false, &rules, at(1_120));
    }
    assert!(wait(record.count(ONE, false, &rules, at(1_000))).is_some());
    let mut address = AddressRecord::default();
    for _ in 0..20 {
        address.count(rules.of_address(), "address", at(1_120));
    }
    assert!(wait(address.count(rules.of_address(), "address", at(1_000))).is_some());
    // Nor does the slower clock reset failures counted by the faster one.
    assert!(wait(address.count(rules.of_address(), "address", at(1_120))).is_some());
}

#[test]
fn a_clock_that_jumps_back_keeps_nobody_out_for_long() {
    let (rules, mut record) = (rules(), AccountRecord::default());
    for _ in 0..5 {
        record.count(ONE, false, &rules, at(1_000_000));
    }
    assert_eq!(wait(record.count(ONE, false, &rules, at(0))), None);
    let mut address = AddressRecord::default();
    for _ in 0..20 {
        address.count(rules.of_address(), "address", at(1_000_000));
    }
    assert_eq!(wait(address.count(rules.of_address(), "address", at(0))), None);
}

#[test]
fn a_record_with_more_behind_it_is_none() {
    let mut bytes = AddressRecord::default().encode();
    assert!(AddressRecord::decode(&bytes).is_some());
    bytes.push(0);
    assert_eq!(AddressRecord::decode(&bytes), None);
}

fn verdicts() -> impl Strategy<Value = Vec<(u64, bool, u8, i64)>> {
    prop::collection::vec((0_u64..30, any::<bool>(), 0_u8..4, 0_i64..2000), 0..120)
}

proptest! {
    /// Records always decode to what was encoded, and never exceed the maximum length.
    #[test]
    fn records_are_read_as_they_were_written(steps in verdicts()) {
        let rules = rules();
        let (mut account, mut familiar, mut address) =
            (AccountRecord::default(), FamiliarRecord::default(), AddressRecord::default());
        let mut now = 0;
        for (tag, exempt, step, pause) in steps {
            now += pause;
            let now = at(now);
            match step {
                0 => { account.succeed(tag); familiar.succeed(tag, ALICE, Epochs::default(), &rules, now); }
                1 => { account.take_back(tag, exempt, &rules, now); familiar.take_back(tag, exempt, &rules, now); }
                _ => {
                    account.count(tag, exempt, &rules, now);
                    familiar.count(tag, exempt, &rules, now);
                    address.count(rules.of_address(), "address", now);
                }
            }
            let bytes = [account.encode(), familiar.encode(), address.encode()];
            prop_assert!(bytes.iter().all(|bytes| bytes.len() <= crate::store::MAX_THROTTLE_RECORD_BYTES));
            let [first, second, third] = &bytes;
            prop_assert_eq!(AccountRecord::decode(first), Some(account.clone()));
            prop_assert_eq!(FamiliarRecord::decode(second), Some(familiar.clone()));
            prop_assert_eq!(AddressRecord::decode(third), Some(address.clone()));
            prop_assert_eq!(AddressRecord::decode(first), None);
        }
    }

    /// Invalid bytes do not decode to a record, and nothing panics.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = (AccountRecord::decode(&bytes), FamiliarRecord::decode(&bytes), AddressRecord::decode(&bytes));
    }

    /// A client that waits for `Retry-After` is admitted, if no other attempt fails meanwhile.
    #[test]
    fn whoever_waits_as_told_is_let_in(tags in prop::collection::vec(0_u64..12, 1..60)) {
        let (rules, mut record, mut now) = (rules(), AccountRecord::default(), 0);
        for tag in tags {
            if let Some(wait) = wait(record.count(tag, false, &rules, at(now))) {
                prop_assert!(wait <= seconds(900));
                now += i64::try_from(wait.as_micros().div_ceil(1_000_000)).unwrap();
                prop_assert_eq!(record.count(tag, false, &rules, at(now)), Verdict::Counted);
            }
        }
    }
}
