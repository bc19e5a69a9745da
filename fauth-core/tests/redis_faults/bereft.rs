//! Redis loses one of the keys that hold the revocations, and keeps the rest.

use fauth_core::store::Verdict;
use servers::Redis;

use super::*;

const KEYS: [&str; 4] = ["memory", "revoked", "epochs", "epoch-ends"];

fn name(key: &str) -> String {
    format!("{{fauth:r}}:{key}")
}

async fn delete(server: &Redis, key: &str) {
    let mut delete = redis::cmd("DEL");
    let deleted: u64 = delete.arg(name(key)).query_async(&mut raw(&server.url()).await).await.unwrap();
    assert_eq!(deleted, 1, "{key}");
}

/// A token and an epoch are revoked, by a store without the mirror.
async fn with_revocations(server: &Redis) -> (RedisStore, Timestamp) {
    let store = direct(&server.url()).await;
    let issued_at = now();
    revoke(&store, "revoked").await;
    store.raise_epoch(&owner("bob"), now(), later(DAY)).await.unwrap();
    assert_eq!(verdict(&store, "good", issued_at).await, Some(Verdict::Good));
    (store, issued_at)
}

async fn vouches_for_nothing_of_before(store: &RedisStore, issued_at: Timestamp, key: &str) {
    for id in ["good", "revoked"] {
        let seen = verdict(store, id, issued_at).await;
        assert!(matches!(seen, None | Some(Verdict::BeforeMemory | Verdict::Revoked)), "{key} {seen:?}");
    }
    eventually("judged", async || verdict(store, "good", issued_at).await == Some(Verdict::BeforeMemory))
        .await;
    let bob = TokenFacts { owner: owner("bob"), targets: &[], epoch: 0, issued_at };
    assert_ne!(store.check(&bob, now()).await.unwrap(), Verdict::Good, "{key}");
    // What is issued from now on is as good as ever.
    assert_eq!(verdict(store, "good", now()).await, Some(Verdict::Good), "{key}");
}

#[tokio::test]
async fn a_store_without_a_mirror_misses_each_key() {
    for key in KEYS {
        let server = Redis::start();
        let (store, issued_at) = with_revocations(&server).await;
        delete(&server, key).await;
        vouches_for_nothing_of_before(&store, issued_at, key).await;
    }
}

#[tokio::test]
async fn a_store_that_starts_afterwards_misses_each_key() {
    for (key, mirror) in KEYS.into_iter().zip([true, false].into_iter().cycle()) {
        let server = Redis::start();
        let (store, issued_at) = with_revocations(&server).await;
        drop(store);
        delete(&server, key).await;
        let store = RedisStore::builder(server.url()).mirror(mirror).connect().await.unwrap();
        vouches_for_nothing_of_before(&store, issued_at, key).await;
    }
}

/// At its next answer, although nothing of the stream is missing. And what it knows comes back.
#[tokio::test]
async fn a_mirror_misses_each_key() {
    for key in KEYS {
        let server = Redis::start();
        let (store, issued_at) = with_revocations(&server).await;
        let mirror = mirrored(&server.url()).await;
        assert_eq!(verdict(&mirror, "good", issued_at).await, Some(Verdict::Good));
        drop(store);
        delete(&server, key).await;
        eventually("missed", async || {
            verdict(&mirror, "good", issued_at).await == Some(Verdict::BeforeMemory)
        })
        .await;
        vouches_for_nothing_of_before(&mirror, issued_at, key).await;
        let fresh = direct(&server.url()).await;
        let token = later(MINUTE);
        eventually("back", async || verdict(&fresh, "revoked", token).await == Some(Verdict::Revoked)).await;
        let bob = TokenFacts { owner: owner("bob"), targets: &[], epoch: 0, issued_at: token };
        assert_eq!(fresh.check(&bob, now()).await.unwrap(), Verdict::OldEpoch, "{key}");
    }
}

/// The stream may go: the mirrors read everything anew, and nothing is forgotten.
#[tokio::test]
async fn nobody_misses_the_stream() {
    let server = Redis::start();
    let (store, issued_at) = with_revocations(&server).await;
    let mirror = mirrored(&server.url()).await;
    delete(&server, "changes").await;
    revoke(&store, "another").await;
    for store in [&store, &mirror, &direct(&server.url()).await, &mirrored(&server.url()).await] {
        eventually("heard", async || verdict(store, "another", issued_at).await == Some(Verdict::Revoked))
            .await;
        assert_eq!(verdict(store, "revoked", issued_at).await, Some(Verdict::Revoked));
        assert_eq!(verdict(store, "good", issued_at).await, Some(Verdict::Good));
    }
}

/// One key is put back as it was before, and so has forgotten what came after.
#[tokio::test]
async fn a_key_from_another_moment_than_the_rest_is_noticed() {
    for key in KEYS {
        let server = Redis::start();
        let (store, issued_at) = with_revocations(&server).await;
        let mut connection = raw(&server.url()).await;
        let dump: Vec<u8> = redis::cmd("DUMP").arg(name(key)).query_async(&mut connection).await.unwrap();
        revoke(&store, "later").await;
        let mirror = mirrored(&server.url()).await;
        let mut restore = redis::cmd("RESTORE");
        restore.arg(name(key)).arg(0).arg(dump).arg("REPLACE");
        restore.exec_async(&mut connection).await.unwrap();
        vouches_for_nothing_of_before(&store, issued_at, key).await;
        eventually("back", async || verdict(&store, "later", later(MINUTE)).await == Some(Verdict::Revoked))
            .await;
        assert_eq!(verdict(&mirror, "good", issued_at).await, Some(Verdict::BeforeMemory), "{key}");
    }
}
