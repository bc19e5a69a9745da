//! A store whose type is chosen at run time: the backend behind `Arc<dyn Store>`, and its four
//! traits.

use std::sync::Arc;

use fauth_core::{
    Purpose,
    store::{
        ApiKeyStore, OneTimeStore, RevocationStore, RevocationTarget, SessionStore, Store, StoreError,
        StoreLocation, Verdict,
    },
};

use super::{
    NOW,
    samples::{api_key, at, hash, ids, kind, listed, open, owner, record, rotate, sid, token},
    store_cases,
};

store_cases! { $ __store_trait_objects_tests in trait_objects for Store;
    async fn sessions_work_through_a_trait_object(t) {
        let store: Arc<dyn SessionStore> = t.store.clone();
        open(&store, "alice", 1, 0).await;
        open(&*store, "alice", 2, 0).await;
        assert_eq!(kind(&rotate(&*store, "alice", 1, ("0", "1"), 1).await), "rotated");
        assert_eq!(listed(&*store, "alice", 1).await, [sid(1), sid(2)]);
        assert!(store.end(&owner("alice"), &sid(1), at(1)).await.unwrap().is_some());
        assert_eq!(ids(store.end_all(&owner("alice"), None, at(1)).await.unwrap()), [sid(2)]);
        assert_eq!(listed(&*t.store, "alice", 1).await, []);
    }

    async fn revocations_work_through_a_trait_object(t) {
        let store: Arc<dyn RevocationStore> = t.store.clone();
        let target = RevocationTarget::TokenId("t");
        store.revoke(&owner("alice"), &[target], None, NOW, at(900)).await.unwrap();
        assert_eq!(token("alice", 0, &[target]).check(&store, 0).await, Verdict::Revoked);
        let epoch = store.raise_epoch(&owner("alice"), NOW, at(900)).await.unwrap();
        assert_eq!(store.epoch(&owner("alice"), NOW).await.unwrap(), epoch);
        assert_eq!(token("alice", 0, &[]).check(&*store, 0).await, Verdict::OldEpoch);
        assert_eq!(token("alice", epoch, &[]).check(&*t.store, 0).await, Verdict::Good);
    }

    async fn one_time_tokens_work_through_a_trait_object(t) {
        let store: Arc<dyn OneTimeStore> = t.store.clone();
        let (alice, purpose) = (owner("alice"), Purpose::PasswordReset);
        for name in ["a", "b"] {
            store.insert(record("alice", purpose, name, 900), 2, NOW).await.unwrap();
        }
        let redeemed = t.store.redeem(&alice, &hash("a"), purpose, NOW).await.unwrap();
        assert_eq!(redeemed, Some(record("alice", purpose, "a", 900)));
        assert_eq!(store.redeem(&alice, &hash("a"), purpose, NOW).await.unwrap(), None);
        assert_eq!(store.withdraw(&alice, Some(purpose), NOW).await.unwrap(), 1);
    }

    async fn api_keys_work_through_a_trait_object(t) {
        let store: Arc<dyn ApiKeyStore> = t.store.clone();
        let (alice, mut key) = (owner("alice"), api_key("alice", 1, 0));
        assert!(store.insert(key.clone(), 1, NOW).await.unwrap());
        store.touch(&alice, &key.key.id, at(5)).await.unwrap();
        key.key.last_used_at = Some(at(5));
        assert_eq!(store.list(&alice, at(5)).await.unwrap(), [key.key.clone()]);
        let found = ApiKeyStore::find(&*t.store, &key.key.id, at(5)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&key));
        assert!(store.remove(&alice, &key.key.id).await.unwrap());
        assert_eq!(store.find(&key.key.id, at(5)).await.unwrap(), None);
    }

    /// An `Arc<dyn Store>` is a store, and so is an `Arc` of it.
    async fn one_trait_object_does_everything(t) {
        let store: Arc<dyn Store> = t.store.clone();
        use_everything(Arc::clone(&store), 1).await.unwrap();
        use_everything(Arc::new(store), 2).await.unwrap();
        assert_eq!(listed(&*t.store, "alice", 0).await.len(), 2);
    }

    /// A second instance has the same location, and no other store has it. A store need not know
    /// its location.
    async fn all_traits_say_where_the_store_is(t) {
        let shared: Arc<dyn Store> = t.store.clone();
        let [place, ..] = places(&*t.store);
        let knows = place.is_same_as(&place);
        let again = t.again().await;
        for other in [places(&*t.store), places(&shared), places(&*again)].concat() {
            assert_eq!(other.can_be_shared(), place.can_be_shared(), "{other:?}");
            assert_eq!(other.is_same_as(&place), knows, "{other:?} and {place:?}");
        }
        for stranger in places(&*t.stranger().await) {
            assert!(!stranger.is_same_as(&place), "{stranger:?} and {place:?}");
        }
    }
}

/// Through each of the four traits.
fn places(store: &(impl Store + ?Sized)) -> [StoreLocation; 4] {
    [
        SessionStore::location(store),
        RevocationStore::location(store),
        OneTimeStore::location(store),
        ApiKeyStore::location(store),
    ]
}

/// Like an application that accepts any store.
async fn use_everything(store: impl Store, number: u8) -> Result<(), StoreError> {
    let (alice, name) = (owner("alice"), number.to_string());
    open(&store, "alice", number, 0).await;
    assert_eq!(RevocationStore::epoch(&store, &alice, NOW).await?, 0);
    OneTimeStore::insert(&store, record("alice", Purpose::PasswordReset, &name, 900), 2, NOW).await?;
    assert!(ApiKeyStore::insert(&store, api_key("alice", number, 0), 2, NOW).await?);
    assert_eq!(ApiKeyStore::list(&store, &alice, NOW).await?.len(), usize::from(number));
    Ok(())
}
