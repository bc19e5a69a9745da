//! Revocations and epochs.

use fauth_core::{
    Timestamp,
    store::{RevocationStore, RevocationTarget, Verdict},
};

use super::{
    NOW,
    races::all_at_once,
    samples::{at, token},
    store_cases,
};

/// When what the cases revoke is over.
const UNTIL: i64 = 900;

/// What a store says of a token at `seconds`.
async fn verdict<S: RevocationStore>(
    store: &S,
    subject: &str,
    targets: &[RevocationTarget<'_>],
    seconds: i64,
) -> Verdict {
    store.check(&token(subject, 0, targets), at(seconds)).await.unwrap()
}

async fn revoke<S: RevocationStore>(store: &S, target: RevocationTarget<'_>, until: i64) {
    store.revoke(&[target], NOW, at(until)).await.unwrap();
}

/// The verdict on a token of this epoch, now.
async fn of_epoch<S: RevocationStore>(store: &S, subject: &str, epoch: u64) -> Verdict {
    store.check(&token(subject, epoch, &[]), NOW).await.unwrap()
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(at(seconds).unix_seconds()).unwrap() * 1000
}

store_cases! { $ __store_revocations_tests in revocations for RevocationStore;
    async fn nothing_is_revoked_at_first(t) {
        let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s"), RevocationTarget::Claim { name: "device", value: "d" }];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good);
        assert_eq!(t.store.epoch("alice", NOW).await.unwrap(), 0);
    }

    async fn a_token_without_further_anchors_is_judged_too(t) {
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Good);
        let mut bare = token("alice", 0, &[]);
        bare.targets.clear();
        assert_eq!(t.store.check(&bare, NOW).await.unwrap(), Verdict::Good);
    }

    async fn a_revoked_token_is_revoked_and_no_other(t) {
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL).await;
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("T")], 0).await, Verdict::Good);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t2")], 0).await, Verdict::Good);
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Good);
    }

    async fn a_revoked_session_is_revoked_and_no_other(t) {
        revoke(&*t.store, RevocationTarget::Session("s"), UNTIL).await;
        let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s")];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked);
        let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s2")];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good);
    }

    async fn a_revoked_subject_is_revoked_and_no_other(t) {
        revoke(&*t.store, RevocationTarget::Subject("alice"), UNTIL).await;
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Revoked);
        for other in ["Alice", "alic", "alice ", "bob"] {
            assert_eq!(verdict(&*t.store, other, &[RevocationTarget::TokenId("t")], 0).await, Verdict::Good, "{other}");
        }
    }

    /// Also what is issued later: whoever wants to end what there is raises the epoch.
    async fn a_revoked_subject_stays_so_with_a_new_epoch(t) {
        revoke(&*t.store, RevocationTarget::Subject("alice"), UNTIL).await;
        let epoch = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(of_epoch(&*t.store, "alice", epoch).await, Verdict::Revoked);
        assert_eq!(of_epoch(&*t.store, "bob", epoch).await, Verdict::Good);
    }

    async fn a_revoked_claim_is_revoked_by_name_and_value(t) {
        revoke(&*t.store, RevocationTarget::Claim { name: "device", value: "d1" }, UNTIL).await;
        for (name, value, expected) in [
            ("device", "d1", Verdict::Revoked),
            ("device", "d2", Verdict::Good),
            ("tenant", "d1", Verdict::Good),
            ("d1", "device", Verdict::Good),
            ("device", "", Verdict::Good),
        ] {
            let targets = [RevocationTarget::Claim { name, value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, expected, "{name} {value}");
        }
    }

    async fn names_and_values_do_not_run_into_each_other(t) {
        revoke(&*t.store, RevocationTarget::Claim { name: "a", value: "b:c" }, UNTIL).await;
        revoke(&*t.store, RevocationTarget::Claim { name: "x", value: "" }, UNTIL).await;
        for (name, value) in [("a:b", "c"), ("a:b:c", ""), ("ab", ":c"), ("", "x"), ("", "a:b:c")] {
            let targets = [RevocationTarget::Claim { name, value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good, "{name} {value}");
        }
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::Claim { name: "a", value: "b:c" }], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::Claim { name: "x", value: "" }], 0).await, Verdict::Revoked);
    }

    async fn the_same_text_is_something_else_in_each_kind(t) {
        let kinds = [
            RevocationTarget::TokenId("x"),
            RevocationTarget::Session("x"),
            RevocationTarget::Subject("x"),
            RevocationTarget::Claim { name: "x", value: "x" },
            RevocationTarget::Claim { name: "jti", value: "x" },
            RevocationTarget::Claim { name: "sid", value: "x" },
            RevocationTarget::Claim { name: "sub", value: "x" },
        ];
        for (number, revoked) in kinds.iter().enumerate() {
            revoke(&*t.store, *revoked, UNTIL).await;
            for (other, target) in kinds.iter().enumerate() {
                let expected = if other <= number { Verdict::Revoked } else { Verdict::Good };
                assert_eq!(verdict(&*t.store, "alice", &[*target], 0).await, expected, "{revoked:?} {target:?}");
            }
        }
    }

    async fn any_one_of_its_anchors_is_enough(t) {
        let device = RevocationTarget::Claim { name: "device", value: "d" };
        revoke(&*t.store, device, UNTIL).await;
        let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s"), RevocationTarget::Claim { name: "a", value: "b" }, device];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &targets[..3], 0).await, Verdict::Good);
    }

    async fn several_are_revoked_in_one_call(t) {
        let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s"), RevocationTarget::Subject("bob"), RevocationTarget::TokenId("t")];
        t.store.revoke(&targets, NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::Session("s")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "bob", &[], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("u")], 0).await, Verdict::Good);
    }

    async fn a_hundred_are_revoked_in_one_call(t) {
        let names: Vec<_> = (0..100).map(|number| format!("token {number}")).collect();
        let targets: Vec<_> = names.iter().map(|name| RevocationTarget::TokenId(name)).collect();
        t.store.revoke(&targets, NOW, at(UNTIL)).await.unwrap();
        for target in targets {
            assert_eq!(verdict(&*t.store, "alice", &[target], 0).await, Verdict::Revoked);
        }
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("token 100")], 0).await, Verdict::Good);
    }

    async fn nothing_to_revoke_is_no_error(t) {
        t.store.revoke(&[], NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Good);
    }

    /// A revocation lasts as long as was asked for, at least.
    async fn it_lasts_until_its_last_second(t) {
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL).await;
        for second in [0, 1, UNTIL - 1] {
            assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], second).await, Verdict::Revoked);
        }
    }

    async fn revoking_again_makes_it_longer(t) {
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL).await;
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL * 2).await;
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], UNTIL * 2 - 1).await, Verdict::Revoked);
    }

    async fn revoking_again_never_makes_it_shorter(t) {
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL).await;
        revoke(&*t.store, RevocationTarget::TokenId("t"), 1).await;
        t.store.revoke(&[RevocationTarget::TokenId("u"), RevocationTarget::TokenId("t")], at(5), at(10)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], UNTIL - 1).await, Verdict::Revoked);
    }

    async fn it_may_last_for_ever(t) {
        t.store.revoke(&[RevocationTarget::Subject("alice")], NOW, Timestamp::MAX).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[], 1_000_000_000).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "bob", &[], 1_000_000_000).await, Verdict::Good);
    }

    async fn a_clock_that_jumps_back_does_not_undo_it(t) {
        t.store.revoke(&[RevocationTarget::TokenId("t")], at(600), at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], -60).await, Verdict::Revoked);
    }

    /// What others write meanwhile, and what runs out meanwhile, changes nothing.
    async fn nothing_is_forgotten_before_its_time(t) {
        t.store.revoke(&[RevocationTarget::TokenId("long")], NOW, at(100_000)).await.unwrap();
        let epoch = t.store.raise_epoch("alice", NOW, at(100_000)).await.unwrap();
        for second in 0..200 {
            let name = format!("short {second}");
            t.store.revoke(&[RevocationTarget::TokenId(&name)], at(second * 450), at(second * 450 + 1)).await.unwrap();
        }
        let mut seen = token("bob", 0, &[RevocationTarget::TokenId("long")]);
        seen.issued_at = at(90_000);
        assert_eq!(t.store.check(&seen, at(99_999)).await.unwrap(), Verdict::Revoked);
        assert_eq!(t.store.epoch("alice", at(99_999)).await.unwrap(), epoch);
    }

    async fn odd_and_long_values_are_kept_apart(t) {
        let long = "x".repeat(5_000);
        let (longer, other) = (format!("{long}x"), format!("{long}y"));
        for value in [&*long, &longer, "*", "?", "[a-z]", "a b", "a\r\nb", "\u{1b}", "é", "日本", "{x}", "'\"\\"] {
            let targets = [RevocationTarget::Claim { name: "tenant", value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good, "{value}");
            revoke(&*t.store, targets[0], UNTIL).await;
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked, "{value}");
        }
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::Claim { name: "tenant", value: &other }], 0).await, Verdict::Good);
    }

    async fn a_subject_may_have_255_bytes(t) {
        let (subject, other) = ("ä".repeat(127) + "x", "ä".repeat(127) + "y");
        let epoch = t.store.raise_epoch(&subject, NOW, at(UNTIL)).await.unwrap();
        assert_eq!(of_epoch(&*t.store, &subject, epoch - 1).await, Verdict::OldEpoch);
        revoke(&*t.store, RevocationTarget::Subject(&subject), UNTIL).await;
        assert_eq!(of_epoch(&*t.store, &subject, epoch).await, Verdict::Revoked);
        assert_eq!(of_epoch(&*t.store, &other, 0).await, Verdict::Good);
    }

    async fn a_raised_epoch_refuses_what_is_older(t) {
        let epoch = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        for (older, expected) in [
            (0, Verdict::OldEpoch),
            (epoch - 1, Verdict::OldEpoch),
            (epoch, Verdict::Good),
            (epoch + 1, Verdict::Good),
        ] {
            assert_eq!(of_epoch(&*t.store, "alice", older).await, expected, "{older}");
        }
        assert_eq!(of_epoch(&*t.store, "bob", 0).await, Verdict::Good);
    }

    async fn the_epoch_is_what_was_raised(t) {
        let epoch = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(t.store.epoch("alice", NOW).await.unwrap(), epoch);
        assert_eq!(t.store.epoch("alice", at(UNTIL - 1)).await.unwrap(), epoch);
        assert_eq!(t.store.epoch("bob", NOW).await.unwrap(), 0);
    }

    async fn the_first_epoch_is_the_present_in_milliseconds(t) {
        assert_eq!(t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap(), milliseconds(0));
        assert_eq!(t.store.raise_epoch("bob", at(7), at(UNTIL)).await.unwrap(), milliseconds(7));
    }

    async fn two_raises_in_one_second_differ(t) {
        let first = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        let second = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(second, first + 1);
        assert_eq!(of_epoch(&*t.store, "alice", first).await, Verdict::OldEpoch);
        assert_eq!(of_epoch(&*t.store, "alice", second).await, Verdict::Good);
    }

    async fn a_later_raise_is_later(t) {
        t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(t.store.raise_epoch("alice", at(60), at(UNTIL)).await.unwrap(), milliseconds(60));
    }

    async fn an_epoch_never_goes_back_with_the_clock(t) {
        let first = t.store.raise_epoch("alice", at(60), at(UNTIL)).await.unwrap();
        assert_eq!(t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap(), first + 1);
        assert_eq!(t.store.epoch("alice", NOW).await.unwrap(), first + 1);
    }

    /// Whatever a token carries that is still about.
    async fn an_epoch_raised_after_its_time_is_higher_than_before(t) {
        let first = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        let much_later = at(UNTIL + 10_000_000);
        let second = t.store.raise_epoch("alice", much_later, Timestamp::MAX).await.unwrap();
        assert!(second > first);
        assert_eq!(second, u64::try_from(much_later.unix_seconds()).unwrap() * 1000);
    }

    async fn an_epoch_is_remembered_for_the_longest_time_that_was_asked_for(t) {
        let first = t.store.raise_epoch("alice", NOW, at(100_000)).await.unwrap();
        let second = t.store.raise_epoch("alice", at(1), at(2)).await.unwrap();
        assert!(second > first);
        // Others write, so that what may be forgotten is.
        for number in 0..200 {
            t.store.raise_epoch(&format!("user {number}"), at(90_000), at(90_001)).await.unwrap();
        }
        assert_eq!(t.store.epoch("alice", at(99_999)).await.unwrap(), second);
        let seen = t.store.check(&token("alice", first, &[]), at(99_999)).await.unwrap();
        assert_eq!(seen, Verdict::OldEpoch);
    }

    async fn a_revocation_counts_before_an_old_epoch(t) {
        revoke(&*t.store, RevocationTarget::TokenId("t"), UNTIL).await;
        t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[RevocationTarget::TokenId("u")], 0).await, Verdict::OldEpoch);
    }

    /// What a store that was restarted empty cannot know, it does not vouch for.
    async fn what_was_issued_before_its_memory_is_refused(t) {
        // The first call that it gets.
        t.store.epoch("alice", NOW).await.unwrap();
        let mut seen = token("alice", 0, &[RevocationTarget::TokenId("t")]);
        assert_eq!(t.store.check(&seen, NOW).await.unwrap(), Verdict::Good, "issued in the same second");
        seen.issued_at = at(-1);
        let expected = if H::REMEMBERS_FROM_FIRST_CALL { Verdict::BeforeMemory } else { Verdict::Good };
        assert_eq!(t.store.check(&seen, NOW).await.unwrap(), expected);
        assert_eq!(t.store.check(&seen, at(60)).await.unwrap(), expected);
        seen.issued_at = at(60);
        assert_eq!(t.store.check(&seen, at(60)).await.unwrap(), Verdict::Good);
    }

    /// A second instance knows what the first one has seen.
    async fn a_second_instance_remembers_as_long_as_the_first(t) {
        t.store.epoch("alice", NOW).await.unwrap();
        let other = t.again().await;
        assert_eq!(other.epoch("alice", at(600)).await.unwrap(), 0);
        assert_eq!(other.check(&token("alice", 0, &[]), at(600)).await.unwrap(), Verdict::Good);
    }

    async fn the_epoch_is_the_same_at_every_instance(t) {
        let other = t.again().await;
        let first = t.store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap();
        assert_eq!(other.epoch("alice", NOW).await.unwrap(), first);
        assert_eq!(other.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap(), first + 1);
        assert_eq!(t.store.epoch("alice", NOW).await.unwrap(), first + 1);
    }

    async fn sixteen_raises_together_all_differ(t) {
        let calls = t.instances(16).await.into_iter().map(|store| async move {
            store.raise_epoch("alice", NOW, at(UNTIL)).await.unwrap()
        });
        let mut epochs = all_at_once(calls).await;
        epochs.sort_unstable();
        assert_eq!(epochs, (0..16).map(|number| milliseconds(0) + number).collect::<Vec<_>>());
        assert_eq!(t.store.epoch("alice", NOW).await.unwrap(), milliseconds(0) + 15);
    }
}
