//! Revocations and epochs.

use fauth_core::{
    clock::Timestamp,
    store::{
        Known, RevocationStore,
        RevocationTarget::{self, Claim, Session, Subject, TokenId},
        Verdict, raised_epoch,
    },
};

use super::{
    NOW,
    races::all_at_once,
    samples::{NamesOwner, Random, at, milliseconds, owner, token},
    store_cases,
};

/// The expiry of the revocations in these cases.
const UNTIL: i64 = 900;

/// Returns the store's verdict at `seconds` on a token with these targets and that of the subject.
async fn verdict<'a>(
    store: &impl RevocationStore,
    owner: impl NamesOwner<'a>,
    targets: &[RevocationTarget<'_>],
    seconds: i64,
) -> Verdict {
    token(&owner.owner(), 0, targets).check(store, seconds).await
}

/// Revokes a target of an owner at [`NOW`].
async fn revoke<'a>(
    store: &impl RevocationStore,
    owner: impl NamesOwner<'a>,
    target: RevocationTarget<'_>,
    until: i64,
) {
    store.revoke(&owner.owner(), &[target], None, NOW, at(until)).await.unwrap();
}

/// Returns the verdict on a token of this epoch at [`NOW`].
async fn of_epoch<'a>(store: &impl RevocationStore, owner: impl NamesOwner<'a>, epoch: u64) -> Verdict {
    token(owner, epoch, &[]).check(store, 0).await
}

store_cases! { $ __store_revocations_tests in revocations for RevocationStore;
    async fn nothing_is_revoked_at_first(t) {
        let device = Claim { name: "device", value: "d" };
        let targets = [TokenId("t"), Session("s"), device];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good);
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), 0);
    }

    async fn a_token_without_further_targets_is_judged_too(t) {
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Good);
        let mut bare = token("alice", 0, &[]);
        bare.targets.clear();
        assert_eq!(bare.check(&*t.store, 0).await, Verdict::Good);
    }

    async fn a_revoked_token_is_revoked_and_no_other(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("T")], 0).await, Verdict::Good);
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t2")], 0).await, Verdict::Good);
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Good);
    }

    async fn a_revoked_session_is_revoked_and_no_other(t) {
        revoke(&*t.store, "alice", Session("s"), UNTIL).await;
        let targets = [TokenId("t"), Session("s")];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked);
        let targets = [TokenId("t"), Session("s2")];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good);
    }

    async fn a_revoked_subject_is_revoked_and_no_other(t) {
        revoke(&*t.store, "alice", Subject, UNTIL).await;
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], 0).await, Verdict::Revoked);
        for other in ["Alice", "alic", "alice ", "bob"] {
            assert_eq!(verdict(&*t.store, other, &[TokenId("t")], 0).await, Verdict::Good, "{other}");
        }
    }

    /// Later tokens too: to end existing ones only, raise the epoch.
    async fn a_revoked_subject_stays_so_with_a_new_epoch(t) {
        revoke(&*t.store, "alice", Subject, UNTIL).await;
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(of_epoch(&*t.store, "alice", epoch).await, Verdict::Revoked);
        assert_eq!(of_epoch(&*t.store, "bob", epoch).await, Verdict::Good);
    }

    async fn what_a_forgotten_owner_was_issued_stays_refused(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        revoke(&*t.store, "alice", Session("s"), UNTIL).await;
        revoke(&*t.store, "bob", TokenId("t"), UNTIL).await;
        let epoch = t.store.forget(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        // One that is opened afterwards: an open mirror hears of it a moment later.
        let again = t.again().await;
        for store in [&*t.store, &*again] {
            for target in [TokenId("t"), Session("s"), TokenId("another")] {
                assert_ne!(verdict(store, "alice", &[target], 0).await, Verdict::Good, "{target:?}");
                assert_ne!(verdict(store, "alice", &[target], UNTIL - 1).await, Verdict::Good, "{target:?}");
            }
        }
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), epoch);
        assert_eq!(of_epoch(&*t.store, "alice", epoch).await, Verdict::Good, "who comes back is served");
        assert_eq!(verdict(&*t.store, "bob", &[TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "bob", &[TokenId("another")], 0).await, Verdict::Good);
    }

    /// Other instances issue tokens that last longer.
    async fn a_revocation_that_outlasts_the_epoch_is_not_forgotten(t) {
        revoke(&*t.store, "alice", TokenId("long"), UNTIL * 20).await;
        t.store.forget(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        // The entry of the epoch may be gone by then.
        let long = verdict(&*t.store, "alice", &[TokenId("long")], UNTIL * 19).await;
        assert_eq!(long, Verdict::Revoked);
    }

    async fn a_revoked_subject_stays_so_when_it_is_forgotten(t) {
        revoke(&*t.store, "alice", Subject, UNTIL).await;
        revoke(&*t.store, "alice", Claim { name: "device", value: "d" }, UNTIL).await;
        let epoch = t.store.forget(&owner("alice"), NOW, at(UNTIL * 2)).await.unwrap();
        assert_eq!(of_epoch(&*t.store, "alice", epoch).await, Verdict::Revoked);
        let claim = Claim { name: "device", value: "d" };
        assert_eq!(verdict(&*t.store, "bob", &[claim], 0).await, Verdict::Revoked);
    }

    async fn a_revoked_claim_is_revoked_by_name_and_value(t) {
        revoke(&*t.store, "alice", Claim { name: "device", value: "d1" }, UNTIL).await;
        for (name, value, expected) in [
            ("device", "d1", Verdict::Revoked),
            ("device", "d2", Verdict::Good),
            ("tenant", "d1", Verdict::Good),
            ("d1", "device", Verdict::Good),
            ("device", "", Verdict::Good),
        ] {
            let targets = [Claim { name, value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, expected, "{name} {value}");
        }
    }

    async fn names_and_values_do_not_run_into_each_other(t) {
        revoke(&*t.store, "alice", Claim { name: "a", value: "b:c" }, UNTIL).await;
        revoke(&*t.store, "alice", Claim { name: "x", value: "" }, UNTIL).await;
        for (name, value) in [("a:b", "c"), ("a:b:c", ""), ("ab", ":c"), ("", "x"), ("", "a:b:c")] {
            let targets = [Claim { name, value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good, "{name} {value}");
        }
        for (name, value) in [("a", "b:c"), ("x", "")] {
            let targets = [Claim { name, value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked, "{name} {value}");
        }
    }

    async fn the_same_text_is_something_else_in_each_kind(t) {
        let kinds = [
            TokenId("x"),
            Session("x"),
            Claim { name: "x", value: "x" },
            Claim { name: "jti", value: "x" },
            Claim { name: "sid", value: "x" },
            Claim { name: "sub", value: "x" },
            Subject,
        ];
        for (number, revoked) in kinds.iter().enumerate() {
            revoke(&*t.store, "x", *revoked, UNTIL).await;
            for (other, target) in kinds.iter().enumerate() {
                let expected = if other <= number { Verdict::Revoked } else { Verdict::Good };
                let mut seen = token("x", 0, &[]);
                seen.targets = vec![*target];
                assert_eq!(seen.check(&*t.store, 0).await, expected, "{revoked:?} {target:?}");
            }
        }
    }

    async fn any_one_of_its_targets_is_enough(t) {
        let device = Claim { name: "device", value: "d" };
        revoke(&*t.store, "alice", device, UNTIL).await;
        let other = Claim { name: "a", value: "b" };
        let targets = [TokenId("t"), Session("s"), other, device];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &targets[..3], 0).await, Verdict::Good);
    }

    async fn several_are_revoked_in_one_call(t) {
        let device = Claim { name: "device", value: "d" };
        let targets = [TokenId("t"), Session("s"), device, TokenId("t")];
        t.store.revoke(&owner("alice"), &targets, None, NOW, at(UNTIL)).await.unwrap();
        for target in targets {
            assert_eq!(verdict(&*t.store, "alice", &[target], 0).await, Verdict::Revoked);
        }
        t.store.revoke(&owner("bob"), &[Session("s"), Subject], None, NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "bob", &[], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("u")], 0).await, Verdict::Good);
    }

    async fn a_hundred_are_revoked_in_one_call(t) {
        let names: Vec<_> = (0..100).map(|number| format!("token {number}")).collect();
        let targets: Vec<_> = names.iter().map(|name| TokenId(name)).collect();
        t.store.revoke(&owner("alice"), &targets, None, NOW, at(UNTIL)).await.unwrap();
        for target in targets {
            assert_eq!(verdict(&*t.store, "alice", &[target], 0).await, Verdict::Revoked);
        }
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("token 100")], 0).await, Verdict::Good);
    }

    async fn nothing_to_revoke_is_no_error(t) {
        t.store.revoke(&owner("alice"), &[], None, NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], 0).await, Verdict::Good);
    }

    /// A revocation lasts at least as long as demanded.
    async fn it_lasts_until_its_last_second(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        for second in [0, 1, UNTIL - 1] {
            assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], second).await, Verdict::Revoked);
        }
    }

    async fn revoking_again_makes_it_longer(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        revoke(&*t.store, "alice", TokenId("t"), UNTIL * 2).await;
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], UNTIL * 2 - 1).await, Verdict::Revoked);
    }

    async fn revoking_again_never_makes_it_shorter(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        revoke(&*t.store, "alice", TokenId("t"), 1).await;
        let targets = [TokenId("u"), TokenId("t")];
        t.store.revoke(&owner("alice"), &targets, None, at(5), at(10)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], UNTIL - 1).await, Verdict::Revoked);
    }

    async fn it_may_last_for_ever(t) {
        t.store.revoke(&owner("alice"), &[Subject], None, NOW, Timestamp::MAX).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[], 1_000_000_000).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "bob", &[], 1_000_000_000).await, Verdict::Good);
    }

    async fn a_clock_that_jumps_back_does_not_undo_it(t) {
        t.store.revoke(&owner("alice"), &[TokenId("t")], None, at(600), at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], -60).await, Verdict::Revoked);
    }

    /// Concurrent writes and expiries change nothing.
    async fn nothing_is_forgotten_before_its_time(t) {
        t.store.revoke(&owner("alice"), &[TokenId("long")], None, NOW, at(100_000)).await.unwrap();
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(100_000)).await.unwrap();
        for second in 0..200 {
            let name = format!("short {second}");
            let (now, until) = (at(second * 450), at(second * 450 + 1));
            t.store.revoke(&owner("alice"), &[TokenId(&name)], None, now, until).await.unwrap();
        }
        let mut seen = token("alice", epoch, &[TokenId("long")]);
        seen.issued_at = at(90_000);
        assert_eq!(seen.check(&*t.store, 99_999).await, Verdict::Revoked);
        assert_eq!(t.store.epoch(&owner("alice"), at(99_999)).await.unwrap(), epoch);
    }

    async fn odd_and_long_values_are_kept_apart(t) {
        let long = "x".repeat(5_000);
        let (longer, other) = (format!("{long}x"), format!("{long}y"));
        let odd = ["*", "?", "[a-z]", "a b", "a\r\nb", "\u{1b}", "é", "日本", "{x}", "'\"\\"];
        for value in [&*long, &longer].into_iter().chain(odd) {
            let targets = [Claim { name: "tenant", value }];
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good, "{value}");
            revoke(&*t.store, "alice", targets[0], UNTIL).await;
            assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Revoked, "{value}");
        }
        let targets = [Claim { name: "tenant", value: &other }];
        assert_eq!(verdict(&*t.store, "alice", &targets, 0).await, Verdict::Good);
    }

    async fn a_subject_may_have_255_bytes(t) {
        let (subject, other) = ("ä".repeat(127) + "x", "ä".repeat(127) + "y");
        let epoch = t.store.raise_epoch(&owner(&subject), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(of_epoch(&*t.store, &*subject, epoch - 1).await, Verdict::OldEpoch);
        revoke(&*t.store, &*subject, Subject, UNTIL).await;
        assert_eq!(of_epoch(&*t.store, &*subject, epoch).await, Verdict::Revoked);
        assert_eq!(of_epoch(&*t.store, &*other, 0).await, Verdict::Good);
    }

    async fn a_raised_epoch_refuses_what_is_older(t) {
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
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
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), epoch);
        assert_eq!(t.store.epoch(&owner("alice"), at(UNTIL - 1)).await.unwrap(), epoch);
        assert_eq!(t.store.epoch(&owner("bob"), NOW).await.unwrap(), 0);
    }

    async fn the_first_epoch_is_the_present_in_milliseconds(t) {
        assert_eq!(t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap(), milliseconds(0));
        assert_eq!(t.store.raise_epoch(&owner("bob"), at(7), at(UNTIL)).await.unwrap(), milliseconds(7));
    }

    async fn two_raises_in_one_second_differ(t) {
        let first = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        let second = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(second, first + 1);
        assert_eq!(of_epoch(&*t.store, "alice", first).await, Verdict::OldEpoch);
        assert_eq!(of_epoch(&*t.store, "alice", second).await, Verdict::Good);
    }

    async fn a_later_raise_is_later(t) {
        t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(t.store.raise_epoch(&owner("alice"), at(60), at(UNTIL)).await.unwrap(), milliseconds(60));
    }

    async fn an_epoch_never_goes_back_with_the_clock(t) {
        let first = t.store.raise_epoch(&owner("alice"), at(60), at(UNTIL)).await.unwrap();
        assert_eq!(t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap(), first + 1);
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), first + 1);
    }

    /// Whatever other claims a token carries.
    async fn an_epoch_raised_after_its_time_is_higher_than_before(t) {
        let first = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        let much_later = at(UNTIL + 10_000_000);
        let second = t.store.raise_epoch(&owner("alice"), much_later, Timestamp::MAX).await.unwrap();
        assert!(second > first);
        assert_eq!(second, u64::try_from(much_later.unix_seconds()).unwrap() * 1000);
    }

    async fn an_epoch_is_remembered_for_the_longest_time_that_was_asked_for(t) {
        let first = t.store.raise_epoch(&owner("alice"), NOW, at(100_000)).await.unwrap();
        let second = t.store.raise_epoch(&owner("alice"), at(1), at(2)).await.unwrap();
        assert!(second > first);
        // Others write, so that expired entries are deleted.
        for number in 0..200 {
            t.store.raise_epoch(&owner(&format!("user {number}")), at(90_000), at(90_001)).await.unwrap();
        }
        assert_eq!(t.store.epoch(&owner("alice"), at(99_999)).await.unwrap(), second);
        let seen = token("alice", first, &[]).check(&*t.store, 99_999).await;
        assert_eq!(seen, Verdict::OldEpoch);
    }

    async fn a_revocation_counts_before_an_old_epoch(t) {
        revoke(&*t.store, "alice", TokenId("t"), UNTIL).await;
        t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("t")], 0).await, Verdict::Revoked);
        assert_eq!(verdict(&*t.store, "alice", &[TokenId("u")], 0).await, Verdict::OldEpoch);
    }

    async fn verdicts_are_given_in_the_order_of_the_rule(t) {
        t.store.epoch(&owner("alice"), NOW).await.unwrap();
        revoke(&*t.store, "alice", TokenId("revoked"), UNTIL).await;
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        let since = if H::REMEMBERS_SINCE_NOW { NOW } else { Timestamp::from_unix_seconds(0) };
        for id in ["revoked", "good"] {
            for (of_token, issued) in [(epoch - 1, -1), (epoch - 1, 0), (epoch, -1), (epoch, 0)] {
                let mut seen = token("alice", of_token, &[TokenId(id)]);
                seen.issued_at = at(issued);
                let known = Known { is_revoked: id == "revoked", epoch, remembers_since: Some(since) };
                let expected = Verdict::of(&seen.facts(), &known, NOW);
                assert_eq!(seen.check(&*t.store, 0).await, expected, "{id} {of_token} {issued}");
            }
        }
    }

    async fn epochs_rise_as_the_rule_says(t) {
        let mut random = Random::new(9);
        for subject in ["alice", "bob"] {
            let mut epoch = None;
            for _ in 0..40 {
                let now = at(random.below_signed(60) - 30);
                let raised = t.store.raise_epoch(&owner(subject), now, at(UNTIL)).await.unwrap();
                assert_eq!(Some(raised), raised_epoch(epoch, now), "{subject}");
                assert_eq!(t.store.epoch(&owner(subject), now).await.unwrap(), raised, "{subject}");
                epoch = Some(raised);
            }
        }
    }

    /// A store that restarted empty does not vouch for earlier tokens.
    async fn what_was_issued_before_its_memory_is_refused(t) {
        t.store.epoch(&owner("alice"), NOW).await.unwrap();
        let mut seen = token("alice", 0, &[TokenId("t")]);
        assert_eq!(seen.check(&*t.store, 0).await, Verdict::Good, "issued in the same second");
        seen.issued_at = at(-1);
        let expected = if H::REMEMBERS_SINCE_NOW { Verdict::BeforeMemory } else { Verdict::Good };
        assert_eq!(seen.check(&*t.store, 0).await, expected);
        assert_eq!(seen.check(&*t.store, 60).await, expected);
        seen.issued_at = at(60);
        assert_eq!(seen.check(&*t.store, 60).await, Verdict::Good);
    }

    /// A caller whose clock is far behind the store's beginning is not told that the token is
    /// invalid: every other token would be refused too.
    async fn a_clock_far_behind_its_memory_gets_no_verdict_of_a_bad_token(t) {
        t.store.epoch(&owner("alice"), NOW).await.unwrap();
        let mut seen = token("alice", 0, &[TokenId("t")]);
        seen.issued_at = at(-86_400);
        let expected = if H::REMEMBERS_SINCE_NOW {
            Verdict::ClocksDisagree { remembers_since: NOW }
        } else {
            Verdict::Good
        };
        assert_eq!(seen.check(&*t.store, -86_400).await, expected);
        // The clock is right again.
        seen.issued_at = at(10);
        assert_eq!(seen.check(&*t.store, 10).await, Verdict::Good);
    }

    /// A second instance knows what the first one has seen.
    async fn a_second_instance_remembers_as_long_as_the_first(t) {
        t.store.epoch(&owner("alice"), NOW).await.unwrap();
        let other = t.again().await;
        assert_eq!(other.epoch(&owner("alice"), at(600)).await.unwrap(), 0);
        assert_eq!(token("alice", 0, &[]).check(&*other, 600).await, Verdict::Good);
    }

    async fn the_epoch_is_the_same_at_every_instance(t) {
        let other = t.again().await;
        let first = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(other.epoch(&owner("alice"), NOW).await.unwrap(), first);
        assert_eq!(other.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap(), first + 1);
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), first + 1);
    }

    async fn sixteen_raises_together_all_differ(t) {
        let calls = t.instances(16).await.into_iter().map(|store| async move {
            store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap()
        });
        let mut epochs = all_at_once(calls).await;
        epochs.sort_unstable();
        assert_eq!(epochs, (0..16).map(|number| milliseconds(0) + number).collect::<Vec<_>>());
        assert_eq!(t.store.epoch(&owner("alice"), NOW).await.unwrap(), milliseconds(0) + 15);
    }
}
