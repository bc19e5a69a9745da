//! One-time tokens of different owners under the same hashes: each is redeemed and withdrawn by its
//! own owner.

use fauth_core::{
    Purpose,
    store::{OneTimeStore as _, Owner},
};

use super::{
    NOW,
    owners::{different_owners, halves, owners_of_one_bucket},
    samples::{hash, record},
    store_cases,
};

const RESET: Purpose = Purpose::PasswordReset;
const MAIL: Purpose = Purpose::EmailVerification;

store_cases! { $ __store_one_time_owners_tests in one_time_owners for OneTimeStore;
    async fn each_owner_redeems_its_own_token(t) {
        let owners = different_owners();
        for (second, owner) in (900..).zip(&owners) {
            t.store.insert(record(owner, RESET, "a", second), 1, NOW).await.unwrap();
        }
        let other = t.again().await;
        for (second, owner) in (900..).zip(&owners) {
            // The record names its owner in all three parts.
            let redeemed = other.redeem(owner, &hash("a"), RESET, NOW).await.unwrap();
            assert_eq!(redeemed, Some(record(owner, RESET, "a", second)));
            assert_eq!(t.store.redeem(owner, &hash("a"), RESET, NOW).await.unwrap(), None, "{owner:?}");
        }
    }

    async fn another_owner_gets_nothing_and_takes_nothing(t) {
        let [some, others] = halves(&different_owners());
        for owner in &some {
            t.store.insert(record(owner, RESET, "a", 900), 1, NOW).await.unwrap();
        }
        for stranger in &others {
            let redeemed = t.store.redeem(stranger, &hash("a"), RESET, NOW).await.unwrap();
            assert_eq!(redeemed, None, "{stranger:?}");
            assert_eq!(t.store.withdraw(stranger, None, NOW).await.unwrap(), 0, "{stranger:?}");
            assert_eq!(t.store.withdraw(stranger, Some(RESET), NOW).await.unwrap(), 0, "{stranger:?}");
        }
        for owner in &some {
            let redeemed = t.store.redeem(owner, &hash("a"), RESET, NOW).await.unwrap();
            assert!(redeemed.is_some(), "{owner:?}");
        }
    }

    async fn withdrawing_takes_the_tokens_of_one_owner(t) {
        for purpose in [Some(RESET), None] {
            let [withdrawn, others] = halves(&different_owners());
            for owner in withdrawn.iter().chain(&others) {
                t.store.insert(record(owner, RESET, "a", 900), 1, NOW).await.unwrap();
            }
            for owner in &withdrawn {
                assert_eq!(t.store.withdraw(owner, purpose, NOW).await.unwrap(), 1, "{owner:?}");
            }
            for (owners, expected) in [(&withdrawn, false), (&others, true)] {
                for owner in owners {
                    let redeemed = t.store.redeem(owner, &hash("a"), RESET, NOW).await.unwrap();
                    assert_eq!(redeemed.is_some(), expected, "{owner:?}");
                }
            }
        }
    }

    async fn the_limit_counts_the_tokens_of_one_owner(t) {
        let owners = different_owners();
        for (name, expires) in [("a", 100), ("b", 200), ("c", 300)] {
            for owner in &owners {
                t.store.insert(record(owner, RESET, name, expires), 2, NOW).await.unwrap();
            }
        }
        for owner in &owners {
            for (name, expected) in [("a", false), ("b", true), ("c", true)] {
                let redeemed = t.store.redeem(owner, &hash(name), RESET, NOW).await.unwrap();
                assert_eq!(redeemed.is_some(), expected, "{name} of {owner:?}");
            }
        }
    }

    async fn tokens_of_owners_in_one_bucket_are_apart(t) {
        let [one, other] = owners_of_one_bucket();
        let keep = async |owner: &Owner<'_>, purpose, name| {
            t.store.insert(record(owner, purpose, name, 900), 1, NOW).await.unwrap();
        };
        keep(&one, RESET, "a").await;
        keep(&other, RESET, "a").await;
        keep(&other, MAIL, "b").await;
        assert_eq!(t.store.redeem(&one, &hash("b"), MAIL, NOW).await.unwrap(), None);
        assert_eq!(t.store.withdraw(&one, None, NOW).await.unwrap(), 1);
        let redeemed = t.store.redeem(&other, &hash("a"), RESET, NOW).await.unwrap();
        assert_eq!(redeemed, Some(record(&other, RESET, "a", 900)));
        assert_eq!(t.store.withdraw(&other, None, NOW).await.unwrap(), 1);
    }
}
