//! Redis loses everything.

use fauth_core::{
    Purpose,
    store::{ApiKeyStore, OneTimeStore as _, RotationOutcome, SessionStore as _},
};
use servers::Redis;

use super::*;

async fn nothing_of_before_is_good(stores: &[RedisStore], before: Timestamp) {
    for store in stores {
        eventually("it answers again", async || verdict(store, "good", before).await.is_some()).await;
        let of_before = eventually("refused", async || {
            verdict(store, "good", before).await == Some(Verdict::BeforeMemory)
        });
        of_before.await;
        assert!(!matches!(verdict(store, "revoked", before).await, None | Some(Verdict::Good)));
        let outcome = store.rotate(&alice(), &exchange(1, 0, 1), now()).await.unwrap();
        assert_eq!(outcome, RotationOutcome::Unknown);
        assert_eq!(store.redeem(&alice(), &hash(7), Purpose::PasswordReset, now()).await.unwrap(), None);
        // What is issued from now on is as good as ever.
        assert_eq!(verdict(store, "good", later(Duration::from_secs(2))).await, Some(Verdict::Good));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_empty_it_vouches_for_nothing_of_before() {
    let mut server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let before = now();
    revoke(&stores[0], "revoked").await;
    stores[0].open(login(1), now()).await.unwrap();
    assert_eq!(verdict(&stores[0], "good", before).await, Some(Verdict::Good));
    server.restart_empty();
    nothing_of_before_is_good(&stores, before).await;
    for (number, store) in (2..).zip(&stores) {
        eventually("a login", async || store.open(login(number), now()).await.is_ok()).await;
    }
}

/// Nothing was disconnected: only the generation tells.
#[tokio::test]
async fn flushed_it_vouches_for_nothing_of_before() {
    let server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let before = now();
    revoke(&stores[0], "revoked").await;
    stores[0].open(login(1), now()).await.unwrap();
    redis::cmd("FLUSHALL").exec_async(&mut raw(&server.url()).await).await.unwrap();
    // The first to ask directly is told by the new memory, not by the old, and that has only just
    // begun.
    assert_ne!(verdict(&stores[0], "good", before).await, Some(Verdict::Good));
    nothing_of_before_is_good(&stores, before).await;
}

/// Nothing was ever revoked, and so the stream and its numbers tell nothing.
#[tokio::test]
async fn flushed_before_any_revocation_it_vouches_for_nothing_of_before() {
    let server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let before = now();
    for store in &stores {
        assert_eq!(verdict(store, "good", before).await, Some(Verdict::Good));
    }
    redis::cmd("FLUSHALL").exec_async(&mut raw(&server.url()).await).await.unwrap();
    // The mirror by itself, before anybody asks directly.
    for store in stores.iter().rev() {
        eventually("missed", async || verdict(store, "good", before).await == Some(Verdict::BeforeMemory))
            .await;
        assert_eq!(verdict(store, "good", now()).await, Some(Verdict::Good));
    }
}

/// A token of the second in which it happened may have been revoked before: it is not trusted.
/// Before the memory begins there is no verdict, because no token that could be had then would be
/// trusted either.
#[tokio::test]
async fn the_second_of_the_loss_is_not_trusted() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    redis::cmd("FLUSHALL").exec_async(&mut raw(&server.url()).await).await.unwrap();
    let issued_at = now();
    let seen = verdict(&store, "good", issued_at).await;
    let since = store.remembers_since().await.unwrap();
    assert_eq!(seen, None, "issued {issued_at}, since {since}");
    assert!(since > issued_at && now() >= since, "and whoever began it has waited");
    assert_eq!(verdict(&store, "good", issued_at).await, Some(Verdict::BeforeMemory));
    assert_eq!(verdict(&store, "good", now()).await, Some(Verdict::Good));
}

/// What a mirror knows comes back, also for those that never knew it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_write_back_what_they_know() {
    let mut server = Redis::start();
    let knowing = mirrored(&server.url()).await;
    for number in 0..450 {
        revoke(&knowing, &format!("revoked {number}")).await;
    }
    let epoch = knowing.raise_epoch(&alice(), now(), later(DAY)).await.unwrap();
    server.restart_empty();
    let fresh = direct(&server.url()).await;
    let token = later(MINUTE);
    for number in [0, 200, 449] {
        let id = format!("revoked {number}");
        eventually("back", async || verdict(&fresh, &id, token).await == Some(Verdict::Revoked)).await;
    }
    eventually("the epoch too", async || fresh.epoch(&alice(), now()).await.ok() == Some(epoch)).await;
    assert_eq!(verdict(&fresh, "good", token).await, Some(Verdict::OldEpoch));
}

/// As when the last second was not on the disk, or a replica that had not heard of it took over:
/// the memory is the same, but something is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_write_back_what_a_crash_has_lost() {
    let mut server = Redis::start();
    let knowing = mirrored(&server.url()).await;
    let issued_at = now();
    revoke(&knowing, "kept").await;
    let mut connection = raw(&server.url()).await;
    let key = RevocationTarget::TokenId("kept").key(&alice());
    redis::cmd("ZREM").arg("{fauth:r}:revoked").arg(&*key).exec_async(&mut connection).await.unwrap();
    let fresh = direct(&server.url()).await;
    assert_eq!(verdict(&fresh, "kept", issued_at).await, Some(Verdict::Good), "it is really lost");
    server.restart();
    eventually("back", async || verdict(&fresh, "kept", issued_at).await == Some(Verdict::Revoked)).await;
}

/// An evicting policy may take the index of an owner's keys and leave the keys: a key must not
/// outlive its removal then.
#[tokio::test]
async fn a_key_whose_index_is_lost_is_removed_and_noted_all_the_same() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let id = ApiKeyId::new(&alice(), [7; 16]);
    keep_api_key(&store, api_key(&alice(), 7)).await;
    let mut connection = raw(&server.url()).await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*:api-keys:*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    redis::cmd("DEL").arg(&keys).exec_async(&mut connection).await.unwrap();
    let used = later(Duration::from_secs(60));
    store.touch(&alice(), &id, used).await.unwrap();
    assert_eq!(ApiKeyStore::find(&store, &id, now()).await.unwrap().unwrap().key.last_used_at, Some(used));
    assert!(!store.remove(&owner("bob"), &id).await.unwrap(), "somebody else's");
    assert!(store.remove(&alice(), &id).await.unwrap());
    assert_eq!(ApiKeyStore::find(&store, &id, now()).await.unwrap(), None);
}
