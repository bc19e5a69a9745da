//! How many revocations one owner may add.

use fauth_core::store::{
    RevocationStore,
    RevocationTarget::{self, Claim, Session, Subject, TokenId},
    Verdict,
};

use super::{
    NOW,
    owners::different_owners,
    races::all_at_once,
    samples::{NamesOwner, at, owner, token},
    store_cases,
};

/// The expiry of the revocations in these cases.
const UNTIL: i64 = 900;

/// Revokes targets of an owner at [`NOW`] as an act of that owner.
async fn fits<'a>(
    store: &impl RevocationStore,
    owner: impl NamesOwner<'a>,
    limit: usize,
    targets: &[RevocationTarget<'_>],
) -> bool {
    fits_until(store, owner, limit, targets, UNTIL).await
}

async fn fits_until<'a>(
    store: &impl RevocationStore,
    owner: impl NamesOwner<'a>,
    limit: usize,
    targets: &[RevocationTarget<'_>],
    until: i64,
) -> bool {
    store.revoke(&owner.owner(), targets, Some(limit), NOW, at(until)).await.unwrap()
}

/// Whether a target of an owner is revoked at `seconds`.
async fn is_revoked<'a>(
    store: &impl RevocationStore,
    owner: impl NamesOwner<'a>,
    target: RevocationTarget<'_>,
    seconds: i64,
) -> bool {
    token(&owner.owner(), u64::MAX, &[target]).check(store, seconds).await == Verdict::Revoked
}

store_cases! { $ __store_shares_tests in shares for RevocationStore;
    async fn the_share_is_filled_and_one_more_changes_nothing(t) {
        for id in ["a", "b", "c"] {
            assert!(fits(&*t.store, "alice", 3, &[Session(id)]).await, "{id}");
        }
        assert!(!fits(&*t.store, "alice", 3, &[Session("d")]).await);
        assert!(!is_revoked(&*t.store, "alice", Session("d"), 0).await);
        for id in ["a", "b", "c"] {
            assert!(is_revoked(&*t.store, "alice", Session(id), 0).await, "{id}");
        }
        assert!(fits(&*t.store, "alice", 4, &[Session("d")]).await, "a larger share has room");
        assert!(is_revoked(&*t.store, "alice", Session("d"), 0).await);
    }

    async fn without_a_share_nothing_fits(t) {
        assert!(!fits(&*t.store, "alice", 0, &[TokenId("a")]).await);
        assert!(!is_revoked(&*t.store, "alice", TokenId("a"), 0).await);
        assert!(fits(&*t.store, "alice", 0, &[]).await, "but nothing");
    }

    async fn what_is_revoked_already_takes_no_further_place(t) {
        for _ in 0..3 {
            assert!(fits(&*t.store, "alice", 1, &[Session("a")]).await);
        }
        assert!(fits_until(&*t.store, "alice", 1, &[Session("a")], 10).await, "for a shorter time");
        assert!(is_revoked(&*t.store, "alice", Session("a"), UNTIL - 1).await);
        assert!(!fits(&*t.store, "alice", 1, &[Session("b")]).await);
    }

    async fn what_is_revoked_already_can_be_prolonged_at_a_full_share(t) {
        assert!(fits(&*t.store, "alice", 1, &[Session("a")]).await);
        assert!(fits_until(&*t.store, "alice", 1, &[Session("a")], UNTIL * 2).await);
        assert!(is_revoked(&*t.store, "alice", Session("a"), UNTIL * 2 - 1).await);
        assert!(!fits(&*t.store, "alice", 1, &[Session("b")]).await);
    }

    async fn several_fit_together_or_not_at_all(t) {
        assert!(fits(&*t.store, "alice", 3, &[Session("a"), TokenId("b")]).await);
        assert!(!fits(&*t.store, "alice", 3, &[Session("c"), Subject]).await);
        for target in [Session("c"), Subject] {
            assert!(!is_revoked(&*t.store, "alice", target, 0).await, "{target:?}");
        }
        // Known and new ones together: the known one is not extended either.
        let both = [Session("a"), Session("c"), Session("d")];
        assert!(!fits_until(&*t.store, "alice", 3, &both, UNTIL * 2).await);
        assert!(!is_revoked(&*t.store, "alice", Session("a"), UNTIL).await);
        assert!(fits_until(&*t.store, "alice", 3, &both[..2], UNTIL * 2).await);
        assert!(is_revoked(&*t.store, "alice", Session("a"), UNTIL).await);
        assert!(is_revoked(&*t.store, "alice", Session("c"), UNTIL).await);
    }

    async fn a_target_that_is_named_twice_counts_once(t) {
        assert!(fits(&*t.store, "alice", 1, &[Session("a"), Session("a")]).await);
        assert!(is_revoked(&*t.store, "alice", Session("a"), 0).await);
    }

    async fn a_share_of_hundreds_is_counted_exactly(t) {
        let names: Vec<_> = (0..250).map(|number| format!("session {number}")).collect();
        let targets: Vec<_> = names.iter().map(|name| Session(name)).collect();
        assert!(!fits(&*t.store, "alice", 249, &targets).await);
        assert!(fits(&*t.store, "alice", 250, &targets).await);
        assert!(!fits(&*t.store, "alice", 250, &[Session("another")]).await);
        assert!(fits(&*t.store, "alice", 250, &targets).await, "all are known");
    }

    async fn what_is_over_gives_its_place_back(t) {
        let alice = owner("alice");
        assert!(fits_until(&*t.store, "alice", 2, &[Session("a")], 10).await);
        assert!(fits(&*t.store, "alice", 2, &[Session("b")]).await);
        let later = |target, second| t.store.revoke(&alice, target, Some(2), at(second), at(UNTIL));
        assert!(!later(&[Session("c")], 9).await.unwrap());
        assert!(later(&[Session("c")], 10).await.unwrap());
        assert!(!later(&[Session("d")], 10).await.unwrap());
        assert!(!later(&[Session("a")], 10).await.unwrap(), "it is new again");
    }

    async fn the_share_of_one_owner_is_not_that_of_others(t) {
        for owner in &different_owners() {
            assert!(fits(&*t.store, owner, 1, &[Session("a")]).await, "{owner:?}");
            assert!(!fits(&*t.store, owner, 1, &[Session("b")]).await, "{owner:?}");
        }
    }

    async fn without_a_limit_there_is_room_at_a_full_share(t) {
        assert!(fits(&*t.store, "alice", 1, &[Session("a")]).await);
        let alice = owner("alice");
        for target in [TokenId("b"), Session("c"), Subject] {
            assert!(t.store.revoke(&alice, &[target], None, NOW, at(UNTIL)).await.unwrap());
            assert!(is_revoked(&*t.store, "alice", target, 0).await, "{target:?}");
        }
        // They also count towards the share.
        assert!(!fits(&*t.store, "alice", 4, &[Session("d")]).await);
        assert!(fits(&*t.store, "alice", 5, &[Session("d")]).await);
    }

    async fn claims_are_nobodys_and_are_not_counted(t) {
        let claims = ["a", "b", "c"].map(|value| Claim { name: "device", value });
        t.store.revoke(&owner("alice"), &claims, None, NOW, at(UNTIL)).await.unwrap();
        t.store.revoke(&owner(""), &[Claim { name: "tenant", value: "t" }], None, NOW, at(UNTIL)).await.unwrap();
        assert!(fits(&*t.store, "alice", 1, &[Session("a")]).await);
        assert!(fits(&*t.store, "alice", 1, &[Claim { name: "device", value: "d" }]).await);
        assert!(!fits(&*t.store, "alice", 1, &[Session("b"), claims[0]]).await);
    }

    /// An owner whose share is full logs out this way.
    async fn an_epoch_is_raised_at_a_full_share_and_takes_no_place(t) {
        assert!(fits(&*t.store, "alice", 1, &[Session("a")]).await);
        let epoch = t.store.raise_epoch(&owner("alice"), NOW, at(UNTIL)).await.unwrap();
        assert_eq!(token("alice", 0, &[Session("b")]).check(&*t.store, 0).await, Verdict::OldEpoch);
        assert_eq!(token("alice", epoch, &[Session("b")]).check(&*t.store, 0).await, Verdict::Good);
        assert!(!fits(&*t.store, "alice", 1, &[Session("b")]).await);
        assert!(fits(&*t.store, "alice", 2, &[Subject]).await);
    }

    async fn all_instances_count_together(t) {
        let other = t.again().await;
        assert!(fits(&*other, "alice", 2, &[Session("a")]).await);
        assert!(fits(&*t.store, "alice", 2, &[Session("b")]).await);
        for store in [&t.store, &other] {
            assert!(!fits(&**store, "alice", 2, &[Session("c")]).await);
            assert!(fits(&**store, "alice", 2, &[Session("a"), Session("b")]).await);
        }
    }

    async fn sixteen_at_once_do_not_take_more_than_there_is(t) {
        let calls = (0..).zip(t.instances(16).await).map(|(number, store)| async move {
            fits(&*store, "alice", 5, &[Session(&format!("session {number}"))]).await
        });
        assert_eq!(all_at_once(calls).await.into_iter().filter(|fits| *fits).count(), 5);
        assert!(!fits(&*t.store, "alice", 5, &[Session("another")]).await);
    }
}
