//! API keys of different owners: each key is found by its id alone, and otherwise belongs to one
//! owner.

use fauth_core::store::{ApiKeyStore, StoredApiKey};

use super::{
    NOW,
    owners::{different_owners, halves, owners_of_one_bucket},
    samples::{api_key, at, key_id, owner},
    store_cases,
};

store_cases! { $ __store_api_key_owners_tests in api_key_owners for ApiKeyStore;
    async fn each_owner_lists_its_own_keys(t) {
        let keys = one_for_each(&*t.store).await;
        let other = t.again().await;
        for key in keys {
            // The key names its owner in all three parts.
            let [here, there] = [&t.store, &other].map(|store| store.list(&key.key.owner, NOW));
            assert_eq!(here.await.unwrap(), there.await.unwrap());
            assert_eq!(t.store.list(&key.key.owner, NOW).await.unwrap(), [key.key]);
        }
    }

    async fn a_second_instance_finds_every_key_by_its_id(t) {
        let other = t.again().await;
        for key in one_for_each(&*t.store).await {
            assert_eq!(other.find(&key.key.id, NOW).await.unwrap(), Some(key));
        }
    }

    async fn another_owner_touches_and_removes_nothing(t) {
        let keys = one_for_each(&*t.store).await;
        let strangers = keys.iter().map(|key| &key.key.owner).cycle().skip(1);
        for (key, stranger) in keys.iter().zip(strangers) {
            let id = &key.key.id;
            t.store.touch(stranger, id, at(5)).await.unwrap();
            assert!(!t.store.remove(stranger, id).await.unwrap(), "{stranger:?}");
            assert_eq!(t.store.find(id, at(5)).await.unwrap().as_ref(), Some(key));
        }
    }

    async fn a_use_is_noted_for_the_owner_that_is_named(t) {
        for mut key in one_for_each(&*t.store).await {
            t.store.touch(&key.key.owner, &key.key.id, at(5)).await.unwrap();
            key.key.last_used_at = Some(at(5));
            assert_eq!(t.store.list(&key.key.owner, at(5)).await.unwrap(), [key.key.clone()]);
            assert_eq!(t.store.find(&key.key.id, at(5)).await.unwrap(), Some(key));
        }
    }

    async fn each_owner_removes_its_own_key(t) {
        one_for_each(&*t.store).await;
        let [removed, others] = halves(&different_owners());
        for owner in &removed {
            let [key] = &t.store.list(owner, NOW).await.unwrap()[..] else { panic!("{owner:?}") };
            assert!(t.store.remove(owner, &key.id).await.unwrap(), "{owner:?}");
            assert_eq!(t.store.find(&key.id, NOW).await.unwrap(), None, "{owner:?}");
        }
        for (owners, expected) in [(removed, 0), (others, 1)] {
            for owner in owners {
                assert_eq!(t.store.list(&owner, NOW).await.unwrap().len(), expected, "{owner:?}");
            }
        }
    }

    async fn the_limit_counts_the_keys_of_one_owner(t) {
        one_for_each(&*t.store).await;
        for (owner, number) in different_owners().iter().zip(100..) {
            assert!(!t.store.insert(api_key(owner, number, 0), 1, NOW).await.unwrap(), "{owner:?}");
            assert!(t.store.insert(api_key(owner, number, 0), 2, NOW).await.unwrap(), "{owner:?}");
        }
    }

    async fn keys_of_owners_in_one_bucket_are_apart(t) {
        let [one, other] = owners_of_one_bucket();
        let key = api_key(&one, 1, 0);
        assert!(t.store.insert(key.clone(), 1, NOW).await.unwrap());
        assert_eq!(t.store.list(&other, NOW).await.unwrap(), []);
        t.store.touch(&other, &key.key.id, at(5)).await.unwrap();
        assert!(!t.store.remove(&other, &key.key.id).await.unwrap());
        assert!(t.store.insert(api_key(&other, 2, 0), 1, NOW).await.unwrap());
        assert_eq!(t.store.find(&key.key.id, at(5)).await.unwrap(), Some(key));
    }

    /// Owners of one bucket may generate the same id: the first one keeps it.
    async fn an_id_is_kept_once_by_owners_of_one_bucket(t) {
        let [one, other] = owners_of_one_bucket();
        let key = api_key(&one, 1, 0);
        assert_eq!(key.key.id, key_id(&other, 1));
        assert!(t.store.insert(key.clone(), 100, NOW).await.unwrap());
        assert!(t.store.insert(api_key(&other, 1, 0), 100, NOW).await.is_err());
        assert_eq!(t.store.find(&key.key.id, NOW).await.unwrap(), Some(key));
        assert_eq!(t.store.list(&other, NOW).await.unwrap(), []);
    }

    async fn an_id_of_another_bucket_is_refused(t) {
        let alice = owner("alice");
        let strangers = different_owners().into_iter().filter(|other| other.bucket() != alice.bucket());
        for stranger in strangers {
            let mut key = api_key(&alice, 1, 0);
            key.key.id = key_id(&stranger, 1);
            assert!(t.store.insert(key.clone(), 100, NOW).await.is_err(), "{stranger:?}");
            assert_eq!(t.store.find(&key.key.id, NOW).await.unwrap(), None, "{stranger:?}");
            assert_eq!(t.store.list(&stranger, NOW).await.unwrap(), [], "{stranger:?}");
        }
        assert_eq!(t.store.list(&alice, NOW).await.unwrap(), []);
        assert!(t.store.insert(api_key(&alice, 1, 0), 1, NOW).await.unwrap(), "nothing was counted");
    }
}

/// Stores a key for each owner. Ids differ even if buckets do not.
async fn one_for_each(store: &impl ApiKeyStore) -> Vec<StoredApiKey> {
    let keys = (1..).zip(different_owners()).map(|(number, owner)| api_key(&owner, number, 0));
    let keys: Vec<_> = keys.collect();
    for key in &keys {
        assert!(store.insert(key.clone(), 1, NOW).await.unwrap(), "{:?}", key.key.owner);
    }
    keys
}
