//! API keys.

use std::sync::Arc;

use fauth_core::{
    clock::Timestamp,
    store::{ApiKeyId, ApiKeyStore, Owner, StoredApiKey},
};

use super::{
    NOW,
    races::all_at_once,
    samples::{NamesOwner, api_key, at, key_id, owner},
    store_cases,
};

/// Stores key `number` of an owner.
async fn keep<'a>(
    store: &impl ApiKeyStore,
    owner: impl NamesOwner<'a>,
    number: u8,
    seconds: i64,
) -> StoredApiKey {
    let key = api_key(owner, number, seconds);
    assert!(store.insert(key.clone(), 100, at(seconds)).await.unwrap());
    key
}

async fn listed<'a>(store: &impl ApiKeyStore, owner: impl NamesOwner<'a>, seconds: i64) -> Vec<ApiKeyId> {
    let list = store.list(&owner.owner(), at(seconds)).await.unwrap();
    list.into_iter().map(|key| key.id).collect()
}

/// Returns the id of key `number` of "alice".
fn id(number: u8) -> ApiKeyId {
    key_id("alice", number)
}

/// Returns when key `number` of "alice" was last used.
async fn last_used(store: &impl ApiKeyStore, number: u8) -> Option<Timestamp> {
    store.find(&id(number), at(10)).await.unwrap().unwrap().key.last_used_at
}

store_cases! { $ __store_api_keys_tests in api_keys for ApiKeyStore;
    async fn a_kept_key_is_found_as_it_is(t) {
        let key = keep(&*t.store, "alice", 1, 0).await;
        assert_eq!(t.store.find(&id(1), NOW).await.unwrap(), Some(key.clone()));
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), [key.key]);
    }

    async fn a_forgotten_owner_has_no_keys(t) {
        for number in 1..=3 {
            keep(&*t.store, "alice", number, 0).await;
        }
        let others = keep(&*t.store, "bob", 1, 0).await;
        t.again().await.forget(&owner("alice"), NOW).await.unwrap();
        assert_eq!(listed(&*t.store, "alice", 0).await, []);
        for number in 1..=3 {
            assert_eq!(t.store.find(&id(number), NOW).await.unwrap(), None);
        }
        assert_eq!(t.store.find(&others.key.id, NOW).await.unwrap(), Some(others));
        t.store.forget(&owner("alice"), NOW).await.unwrap();
        t.store.forget(&owner("nobody"), NOW).await.unwrap();
        keep(&*t.store, "alice", 4, 0).await;
        assert_eq!(listed(&*t.store, "alice", 0).await, [id(4)]);
    }

    async fn an_unknown_key_is_not_found(t) {
        assert_eq!(t.store.find(&id(1), NOW).await.unwrap(), None);
        keep(&*t.store, "alice", 1, 0).await;
        assert_eq!(t.store.find(&id(2), NOW).await.unwrap(), None);
        assert_eq!(t.store.list(&owner("bob"), NOW).await.unwrap(), []);
    }

    async fn every_field_comes_back(t) {
        let owner = Owner::new("shop", "https://issuer.example/ß", "日".repeat(85));
        let mut key = api_key(&owner, 1, 0);
        key.key.name = format!("{}'\"\\%_;\t🦀é", "é".repeat(43));
        assert_eq!((owner.subject.len(), key.key.name.len()), (255, 99));
        key.key.created_at = Timestamp::from_unix_seconds(0);
        key.key.expires_at = Timestamp::MAX;
        key.key.last_used_at = Some(at(-5));
        assert!(t.store.insert(key.clone(), 1, NOW).await.unwrap());
        let much_later = at(1_000_000_000);
        assert_eq!(t.store.find(&key.key.id, much_later).await.unwrap(), Some(key.clone()));
        assert_eq!(t.store.list(&owner, much_later).await.unwrap(), [key.key]);
    }

    async fn the_epoch_of_its_owner_comes_back(t) {
        for (number, epoch) in (1..).zip([None, Some(0), Some(1), Some(i64::MAX.unsigned_abs())]) {
            let mut key = api_key("alice", number, 0);
            key.key.user_epoch = epoch;
            assert!(t.store.insert(key, 100, NOW).await.unwrap());
            let found = t.store.find(&id(number), NOW).await.unwrap().unwrap();
            assert_eq!(found.key.user_epoch, epoch);
        }
        let listed = t.store.list(&owner("alice"), NOW).await.unwrap();
        let epochs: Vec<_> = listed.iter().map(|key| key.user_epoch).collect();
        assert_eq!(epochs, [None, Some(0), Some(1), Some(i64::MAX.unsigned_abs())]);
    }

    async fn scopes_come_back_in_their_order(t) {
        let lists: [&[&str]; 5] = [
            &[],
            &["write", "read", "admin"],
            &["orders:read", "a/b", "a.b", "x=y", "!#$%&'()*+,-./", "[]^_`{|}~"],
            &["a", "a"],
            &["a,b", "a", "b"],
        ];
        for (number, scopes) in (1..).zip(lists) {
            let mut key = api_key("alice", number, 0);
            key.key.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            assert!(t.store.insert(key, 100, NOW).await.unwrap());
            let found = t.store.find(&id(number), NOW).await.unwrap().unwrap();
            assert_eq!(found.key.scopes, scopes);
        }
    }

    async fn the_newest_is_listed_first(t) {
        for (number, seconds) in [(1, 5), (2, 9), (3, 7)] {
            keep(&*t.store, "alice", number, seconds).await;
        }
        assert_eq!(listed(&*t.store, "alice", 10).await, [id(2), id(3), id(1)]);
    }

    async fn those_of_one_second_are_listed_by_id(t) {
        for number in [0x2a, 1, 0xff, 9] {
            keep(&*t.store, "alice", number, 0).await;
        }
        assert_eq!(listed(&*t.store, "alice", 0).await, [1, 9, 0x2a, 0xff].map(id));
    }

    async fn an_expired_key_is_neither_found_nor_listed(t) {
        keep(&*t.store, "alice", 1, 0).await;
        assert!(t.store.find(&id(1), at(999)).await.unwrap().is_some());
        assert_eq!(listed(&*t.store, "alice", 999).await, [id(1)]);
        assert_eq!(t.store.find(&id(1), at(1_000)).await.unwrap(), None);
        assert_eq!(listed(&*t.store, "alice", 1_000).await, []);
    }

    async fn the_limit_is_kept_and_one_more_is_refused(t) {
        for number in 1..=3 {
            assert!(t.store.insert(api_key("alice", number, 0), 3, NOW).await.unwrap());
        }
        assert!(!t.store.insert(api_key("alice", 4, 0), 3, NOW).await.unwrap());
        assert_eq!(listed(&*t.store, "alice", 0).await, [1, 2, 3].map(id));
        assert_eq!(t.store.find(&id(4), NOW).await.unwrap(), None);
        // Its id is still free.
        assert!(t.store.insert(api_key("alice", 4, 0), 4, NOW).await.unwrap());
    }

    async fn the_limit_counts_neither_expired_nor_removed_keys(t) {
        keep(&*t.store, "alice", 1, -999).await;
        keep(&*t.store, "alice", 2, 0).await;
        assert!(!t.store.insert(api_key("alice", 3, 0), 2, NOW).await.unwrap());
        assert!(t.store.insert(api_key("alice", 3, 0), 2, at(1)).await.unwrap());
        assert!(t.store.remove(&owner("alice"), &id(2)).await.unwrap());
        assert!(t.store.insert(api_key("alice", 4, 0), 2, at(1)).await.unwrap());
    }

    async fn the_limit_is_for_each_owner(t) {
        keep(&*t.store, "alice", 1, 0).await;
        assert!(t.store.insert(api_key("bob", 2, 0), 1, NOW).await.unwrap());
        assert_eq!(listed(&*t.store, "alice", 0).await, [id(1)]);
        assert_eq!(listed(&*t.store, "bob", 0).await, [key_id("bob", 2)]);
    }

    async fn an_id_is_kept_once(t) {
        let key = keep(&*t.store, "alice", 1, 0).await;
        assert!(t.store.insert(api_key("alice", 1, 5), 100, at(5)).await.is_err());
        assert_eq!(t.store.find(&id(1), at(5)).await.unwrap(), Some(key));
    }

    async fn its_use_is_noted(t) {
        keep(&*t.store, "alice", 1, 0).await;
        keep(&*t.store, "alice", 2, 0).await;
        assert_eq!(last_used(&*t.store, 1).await, None);
        t.store.touch(&owner("alice"), &id(1), at(5)).await.unwrap();
        assert_eq!(last_used(&*t.store, 1).await, Some(at(5)));
        t.store.touch(&owner("alice"), &id(1), at(6)).await.unwrap();
        assert_eq!(last_used(&*t.store, 1).await, Some(at(6)));
        assert_eq!(last_used(&*t.store, 2).await, None);
    }

    async fn the_last_use_never_goes_back(t) {
        keep(&*t.store, "alice", 1, 0).await;
        t.store.touch(&owner("alice"), &id(1), at(6)).await.unwrap();
        t.store.touch(&owner("alice"), &id(1), at(5)).await.unwrap();
        assert_eq!(last_used(&*t.store, 1).await, Some(at(6)));
        assert_eq!(t.store.list(&owner("alice"), at(10)).await.unwrap()[0].last_used_at, Some(at(6)));
    }

    async fn its_use_brings_no_key_back(t) {
        t.store.touch(&owner("alice"), &id(1), NOW).await.unwrap();
        assert_eq!(t.store.find(&id(1), NOW).await.unwrap(), None);
        keep(&*t.store, "alice", 1, 0).await;
        assert!(t.store.remove(&owner("alice"), &id(1)).await.unwrap());
        t.store.touch(&owner("alice"), &id(1), at(5)).await.unwrap();
        assert_eq!(t.store.find(&id(1), at(5)).await.unwrap(), None);
        assert_eq!(listed(&*t.store, "alice", 5).await, []);
    }

    async fn its_use_does_not_prolong_it(t) {
        keep(&*t.store, "alice", 1, 0).await;
        t.store.touch(&owner("alice"), &id(1), at(999)).await.unwrap();
        assert_eq!(t.store.find(&id(1), at(1_000)).await.unwrap(), None);
    }

    async fn a_removed_key_is_gone(t) {
        keep(&*t.store, "alice", 1, 0).await;
        keep(&*t.store, "alice", 2, 1).await;
        assert!(t.store.remove(&owner("alice"), &id(1)).await.unwrap());
        assert_eq!(t.store.find(&id(1), at(1)).await.unwrap(), None);
        assert_eq!(listed(&*t.store, "alice", 1).await, [id(2)]);
        assert!(!t.store.remove(&owner("alice"), &id(1)).await.unwrap());
    }

    async fn with_another_owner_nothing_is_removed(t) {
        keep(&*t.store, "alice", 1, 0).await;
        for stranger in ["bob", "Alice", "alic", "%"] {
            assert!(!t.store.remove(&owner(stranger), &id(1)).await.unwrap(), "{stranger}");
        }
        assert!(t.store.find(&id(1), NOW).await.unwrap().is_some());
        assert!(t.store.remove(&owner("alice"), &id(1)).await.unwrap());
        assert!(!t.store.remove(&owner("alice"), &id(1)).await.unwrap());
        assert_eq!(t.store.find(&id(1), NOW).await.unwrap(), None);
    }

    async fn what_is_not_there_cannot_be_removed(t) {
        keep(&*t.store, "alice", 1, 0).await;
        assert!(!t.store.remove(&owner("alice"), &id(2)).await.unwrap());
        assert!(t.store.find(&id(1), NOW).await.unwrap().is_some());
    }

    async fn a_second_instance_sees_the_same(t) {
        let other = t.again().await;
        let mut key = keep(&*t.store, "alice", 1, 0).await;
        other.touch(&owner("alice"), &id(1), at(3)).await.unwrap();
        key.key.last_used_at = Some(at(3));
        assert_eq!(t.store.find(&id(1), at(3)).await.unwrap(), Some(key));
        assert!(other.remove(&owner("alice"), &id(1)).await.unwrap());
        assert_eq!(t.store.find(&id(1), at(3)).await.unwrap(), None);
    }

    async fn sixteen_inserts_together_keep_the_limit(t) {
        let calls = (1..).zip(t.instances(16).await).map(|(number, store)| async move {
            store.insert(api_key("alice", number, 0), 3, NOW).await.unwrap()
        });
        assert_eq!(all_at_once(calls).await.into_iter().filter(|kept| *kept).count(), 3);
        assert_eq!(listed(&*t.store, "alice", 0).await.len(), 3);
    }

    async fn one_key_is_removed_by_one_call_and_no_use_brings_it_back(t) {
        let stores = t.instances(16).await;
        for number in 1..=20 {
            keep(&*t.store, "alice", number, 0).await;
            let calls = stores.iter().enumerate().map(|(runner, store)| {
                let store = Arc::clone(store);
                async move {
                    if runner % 4 < 2 {
                        store.touch(&owner("alice"), &id(number), at(1)).await.unwrap();
                        false
                    } else {
                        store.remove(&owner("alice"), &id(number)).await.unwrap()
                    }
                }
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|removed| *removed).count(), 1);
            assert_eq!(t.store.find(&id(number), NOW).await.unwrap(), None);
        }
        assert_eq!(listed(&*t.store, "alice", 0).await, []);
    }
}
