//! One-time tokens.

use std::sync::Arc;

use fauth_core::{
    Purpose,
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, Owner},
};

use super::{
    NOW,
    races::all_at_once,
    samples::{NamesOwner, at, hash, owner, record},
    store_cases,
};

const RESET: Purpose = Purpose::PasswordReset;
const MAIL: Purpose = Purpose::EmailVerification;

/// Stores a token of an owner that expires after this many seconds.
async fn keep<'a>(
    store: &impl OneTimeStore,
    owner: impl NamesOwner<'a>,
    purpose: Purpose,
    name: &str,
    expires: i64,
) {
    store.insert(record(owner, purpose, name, expires), 100, NOW).await.unwrap();
}

/// Redeems a token of an owner at [`NOW`].
async fn redeem<'a>(
    store: &impl OneTimeStore,
    owner: impl NamesOwner<'a>,
    name: &str,
    purpose: Purpose,
) -> Option<OneTimeRecord> {
    store.redeem(&owner.owner(), &hash(name), purpose, NOW).await.unwrap()
}

store_cases! { $ __store_one_times_tests in one_times for OneTimeStore;
    async fn a_token_is_redeemed_once(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, Some(record("alice", RESET, "a", 900)));
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
    }

    async fn an_unknown_token_is_nothing(t) {
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        keep(&*t.store, "alice", RESET, "a", 900).await;
        assert_eq!(redeem(&*t.store, "alice", "b", RESET).await, None);
        assert!(redeem(&*t.store, "alice", "a", RESET).await.is_some());
    }

    async fn each_token_is_its_own(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "alice", RESET, "b", 900).await;
        keep(&*t.store, "bob", RESET, "c", 900).await;
        assert!(redeem(&*t.store, "alice", "b", RESET).await.is_some());
        assert!(redeem(&*t.store, "alice", "a", RESET).await.is_some());
        assert_eq!(redeem(&*t.store, "bob", "c", RESET).await.unwrap().owner, owner("bob"));
    }

    async fn every_purpose_and_owner_comes_back(t) {
        let owner = Owner::new("shop", "https://issuer.example/ß", format!("{}x", "ß".repeat(127)));
        for purpose in Purpose::ALL {
            let record = record(&owner, purpose, purpose.as_str(), 900);
            t.store.insert(record.clone(), 1, NOW).await.unwrap();
            assert_eq!(redeem(&*t.store, &owner, purpose.as_str(), purpose).await, Some(record));
        }
    }

    async fn a_token_that_never_expires_is_kept(t) {
        let mut kept = record("alice", RESET, "a", 0);
        kept.expires_at = Timestamp::MAX;
        t.store.insert(kept.clone(), 1, NOW).await.unwrap();
        let much_later = at(1_000_000_000);
        assert_eq!(t.store.redeem(&owner("alice"), &hash("a"), RESET, much_later).await.unwrap(), Some(kept));
    }

    async fn the_wrong_purpose_gets_nothing_and_takes_nothing(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        for wrong in Purpose::ALL.into_iter().filter(|purpose| *purpose != RESET) {
            assert_eq!(redeem(&*t.store, "alice", "a", wrong).await, None, "{wrong}");
        }
        assert!(redeem(&*t.store, "alice", "a", RESET).await.is_some());
    }

    async fn the_last_second_is_good_and_the_end_is_not(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "alice", RESET, "b", 900).await;
        assert!(t.store.redeem(&owner("alice"), &hash("a"), RESET, at(899)).await.unwrap().is_some());
        assert_eq!(t.store.redeem(&owner("alice"), &hash("b"), RESET, at(900)).await.unwrap(), None);
        assert_eq!(t.store.redeem(&owner("alice"), &hash("b"), RESET, at(100_000)).await.unwrap(), None);
    }

    /// A redeemed token is gone, whatever the clock says.
    async fn a_clock_that_jumps_back_brings_nothing_back(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        assert!(t.store.redeem(&owner("alice"), &hash("a"), RESET, at(100)).await.unwrap().is_some());
        assert_eq!(t.store.redeem(&owner("alice"), &hash("a"), RESET, at(-100)).await.unwrap(), None);
    }

    async fn an_owner_keeps_a_hash_once(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        assert!(t.store.insert(record("alice", RESET, "a", 900), 100, NOW).await.is_err());
        assert!(t.store.insert(record("alice", MAIL, "a", 900), 100, NOW).await.is_err());
        assert_eq!(redeem(&*t.store, "alice", "a", MAIL).await, None);
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, Some(record("alice", RESET, "a", 900)));
    }

    async fn another_owner_may_have_a_token_of_the_same_hash(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "bob", MAIL, "a", 950).await;
        assert_eq!(redeem(&*t.store, "alice", "a", MAIL).await, None);
        assert_eq!(redeem(&*t.store, "bob", "a", MAIL).await, Some(record("bob", MAIL, "a", 950)));
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, Some(record("alice", RESET, "a", 900)));
    }

    async fn a_refused_token_drops_no_other(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "alice", RESET, "b", 950).await;
        assert!(t.store.insert(record("alice", RESET, "b", 990), 1, NOW).await.is_err());
        assert!(redeem(&*t.store, "alice", "a", RESET).await.is_some());
        assert_eq!(redeem(&*t.store, "alice", "b", RESET).await, Some(record("alice", RESET, "b", 950)));
    }

    async fn the_limit_is_kept_and_one_more_drops_what_expires_first(t) {
        for (name, expires) in [("a", 300), ("b", 100), ("c", 200)] {
            t.store.insert(record("alice", RESET, name, expires), 3, NOW).await.unwrap();
        }
        t.store.insert(record("alice", RESET, "d", 400), 3, NOW).await.unwrap();
        assert_eq!(redeem(&*t.store, "alice", "b", RESET).await, None);
        for name in ["a", "c", "d"] {
            assert!(redeem(&*t.store, "alice", name, RESET).await.is_some(), "{name}");
        }
    }

    async fn where_room_is_asked_for_one_more_is_refused_and_drops_nothing(t) {
        for (name, expires) in [("expired", 10), ("a", 300), ("b", 100)] {
            keep(&*t.store, "alice", RESET, name, expires).await;
        }
        let insert = async |subject: &str, name: &str, limit| {
            t.store.insert_if_room(record(subject, RESET, name, 400), limit, at(10)).await
        };
        assert!(insert("alice", "c", 3).await.unwrap());
        assert!(!insert("alice", "d", 3).await.unwrap());
        assert!(insert("bob", "d", 1).await.unwrap(), "others have room");
        assert!(t.store.insert_if_room(record("alice", MAIL, "e", 400), 1, at(10)).await.unwrap());
        assert!(insert("alice", "a", 9).await.is_err(), "a hash that is there already");
        assert_eq!(redeem(&*t.store, "alice", "d", RESET).await, None);
        for name in ["a", "b", "c"] {
            assert!(redeem(&*t.store, "alice", name, RESET).await.is_some(), "{name}");
        }
        assert!(insert("alice", "d", 1).await.unwrap(), "there is room again");
    }

    async fn a_limit_of_one_leaves_the_newest(t) {
        for (name, expires) in [("a", 100), ("b", 200), ("c", 300)] {
            t.store.insert(record("alice", RESET, name, expires), 1, NOW).await.unwrap();
        }
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        assert_eq!(redeem(&*t.store, "alice", "b", RESET).await, None);
        assert!(redeem(&*t.store, "alice", "c", RESET).await.is_some());
    }

    async fn the_limit_is_for_each_purpose_and_owner(t) {
        keep(&*t.store, "alice", RESET, "a", 100).await;
        keep(&*t.store, "alice", MAIL, "b", 100).await;
        keep(&*t.store, "bob", RESET, "c", 100).await;
        t.store.insert(record("alice", RESET, "d", 200), 1, NOW).await.unwrap();
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        assert!(redeem(&*t.store, "alice", "b", MAIL).await.is_some());
        assert!(redeem(&*t.store, "bob", "c", RESET).await.is_some());
        assert!(redeem(&*t.store, "alice", "d", RESET).await.is_some());
    }

    async fn the_limit_counts_live_ones_only(t) {
        keep(&*t.store, "alice", RESET, "redeemed", 500).await;
        keep(&*t.store, "alice", RESET, "expired", 10).await;
        keep(&*t.store, "alice", RESET, "live", 400).await;
        redeem(&*t.store, "alice", "redeemed", RESET).await;
        t.store.insert(record("alice", RESET, "new", 600), 2, at(10)).await.unwrap();
        for name in ["live", "new"] {
            let redeemed = t.store.redeem(&owner("alice"), &hash(name), RESET, at(10)).await.unwrap();
            assert!(redeemed.is_some(), "{name}");
        }
    }

    async fn withdrawing_a_purpose_leaves_the_others(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "alice", RESET, "b", 900).await;
        keep(&*t.store, "alice", MAIL, "c", 900).await;
        keep(&*t.store, "bob", RESET, "d", 900).await;
        assert_eq!(t.store.withdraw(&owner("alice"), Some(RESET), NOW).await.unwrap(), 2);
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        assert_eq!(redeem(&*t.store, "alice", "b", RESET).await, None);
        assert!(redeem(&*t.store, "alice", "c", MAIL).await.is_some());
        assert!(redeem(&*t.store, "bob", "d", RESET).await.is_some());
    }

    async fn withdrawing_everything_leaves_other_owners(t) {
        keep(&*t.store, "alice", RESET, "a", 900).await;
        keep(&*t.store, "alice", MAIL, "b", 900).await;
        keep(&*t.store, "alicea", MAIL, "c", 900).await;
        keep(&*t.store, "%", MAIL, "d", 900).await;
        assert_eq!(t.store.withdraw(&owner("alic"), None, NOW).await.unwrap(), 0);
        assert_eq!(t.store.withdraw(&owner("%"), None, NOW).await.unwrap(), 1);
        assert_eq!(t.store.withdraw(&owner("alice"), None, NOW).await.unwrap(), 2);
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        assert_eq!(redeem(&*t.store, "alice", "b", MAIL).await, None);
        assert!(redeem(&*t.store, "alicea", "c", MAIL).await.is_some());
    }

    async fn withdrawing_counts_live_ones_only(t) {
        keep(&*t.store, "alice", RESET, "a", 10).await;
        keep(&*t.store, "alice", RESET, "b", 900).await;
        keep(&*t.store, "alice", RESET, "c", 900).await;
        redeem(&*t.store, "alice", "c", RESET).await;
        assert_eq!(t.store.withdraw(&owner("alice"), None, at(10)).await.unwrap(), 1);
        assert_eq!(t.store.withdraw(&owner("alice"), None, at(10)).await.unwrap(), 0);
        assert_eq!(t.store.withdraw(&owner("nobody"), Some(MAIL), at(10)).await.unwrap(), 0);
    }

    async fn a_second_instance_sees_the_same(t) {
        let other = t.again().await;
        keep(&*t.store, "alice", RESET, "a", 900).await;
        assert!(redeem(&*other, "alice", "a", RESET).await.is_some());
        assert_eq!(redeem(&*t.store, "alice", "a", RESET).await, None);
        keep(&*other, "alice", RESET, "b", 900).await;
        assert_eq!(t.store.withdraw(&owner("alice"), None, NOW).await.unwrap(), 1);
        assert_eq!(redeem(&*other, "alice", "b", RESET).await, None);
    }

    async fn sixteen_who_redeem_together_have_one_winner(t) {
        let stores = t.instances(16).await;
        for round in 0..20 {
            let name = format!("token {round}");
            keep(&*t.store, "alice", RESET, &name, 900).await;
            let calls = stores.iter().map(|store| {
                let (store, name) = (Arc::clone(store), name.clone());
                async move { redeem(&*store, "alice", &name, RESET).await }
            });
            let won: Vec<_> = all_at_once(calls).await.into_iter().flatten().collect();
            assert_eq!(won, [record("alice", RESET, &name, 900)]);
        }
    }

    /// Either a redemption gets it or a withdrawal, never both.
    async fn a_token_is_redeemed_or_withdrawn(t) {
        let stores = t.instances(16).await;
        for round in 0..20 {
            let name = format!("token {round}");
            keep(&*t.store, "alice", RESET, &name, 900).await;
            let calls = stores.iter().enumerate().map(|(runner, store)| {
                let (store, name) = (Arc::clone(store), name.clone());
                async move {
                    if runner % 4 < 2 {
                        usize::from(redeem(&*store, "alice", &name, RESET).await.is_some())
                    } else {
                        store.withdraw(&owner("alice"), None, NOW).await.unwrap()
                    }
                }
            });
            assert_eq!(all_at_once(calls).await.into_iter().sum::<usize>(), 1);
        }
    }

    async fn sixteen_inserts_together_keep_the_limit(t) {
        let calls = (0..).zip(t.instances(16).await).map(|(runner, store)| async move {
            let record = record("alice", RESET, &format!("token {runner}"), 900 + runner);
            store.insert(record, 3, NOW).await.unwrap();
        });
        all_at_once(calls).await;
        assert_eq!(t.store.withdraw(&owner("alice"), Some(RESET), NOW).await.unwrap(), 3);
    }

    async fn sixteen_who_ask_for_room_together_get_what_there_is(t) {
        let stores = t.instances(16).await;
        for round in 0..10 {
            let subject = format!("user {round}");
            let calls = stores.iter().enumerate().map(|(runner, store)| {
                let (store, new) = (Arc::clone(store), record(&*subject, RESET, &format!("token {runner}"), 900));
                async move { store.insert_if_room(new, 3, NOW).await.unwrap() }
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|has_room| *has_room).count(), 3);
            assert_eq!(t.store.withdraw(&owner(&subject), Some(RESET), NOW).await.unwrap(), 3);
        }
    }
}
