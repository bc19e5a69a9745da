//! The server becomes a replica, or is cut off from its replicas: it answers, but not for all.

use fauth_core::store::{RedisConnectError, SessionStore as _, Verdict};
use servers::Redis;

use super::*;

async fn tell(server: &Redis, words: &[&str]) {
    let (name, rest) = words.split_first().unwrap();
    redis::cmd(name).arg(rest).exec_async(&mut raw(&server.url()).await).await.unwrap();
}

async fn follow(replica: &Redis, master: &Redis) {
    let url = master.url();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    tell(replica, &["REPLICAOF", "127.0.0.1", port]).await;
}

async fn is_in_step(replica: &Redis) -> bool {
    let info: String = redis::cmd("INFO")
        .arg("replication")
        .query_async(&mut raw(&replica.url()).await)
        .await
        .unwrap_or_default();
    info.contains("master_link_status:up")
}

/// Within the bound, and for as long as it lasts.
async fn refuses_all(stores: &[&RedisStore], issued_at: Timestamp) {
    for store in stores {
        let refused = eventually("refused", async || verdict(store, "good", issued_at).await.is_none()).await;
        assert!(refused < Duration::from_millis(800), "the mirror may be 600 ms old: {refused:?}");
    }
    for _ in 0..30 {
        for store in stores {
            assert_eq!(verdict(store, "good", issued_at).await, None);
            assert_eq!(verdict(store, "revoked", issued_at).await, None);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn judges_again(stores: &[&RedisStore], issued_at: Timestamp) {
    for store in stores {
        eventually("good again", async || verdict(store, "good", issued_at).await == Some(Verdict::Good))
            .await;
    }
}

/// Its new master cannot be reached: it serves what it has, and stays behind.
#[tokio::test]
async fn a_replica_that_is_behind_is_not_believed() {
    let server = Redis::start();
    let (mirror, direct) = (mirrored(&server.url()).await, direct(&server.url()).await);
    let stores = [&mirror, &direct];
    let issued_at = now();
    direct.open(login(1), now()).await.unwrap();
    judges_again(&stores, issued_at).await;
    tell(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    refuses_all(&stores, issued_at).await;
    assert!(direct.list(&alice(), now()).await.is_err());
    for mirror in [true, false] {
        let connected = RedisStore::builder(server.url()).mirror(mirror).connect().await;
        assert!(matches!(connected, Err(RedisConnectError::Store(_))), "{connected:?}");
    }
    tell(&server, &["REPLICAOF", "NO", "ONE"]).await;
    judges_again(&stores, issued_at).await;
    assert_eq!(direct.list(&alice(), now()).await.unwrap().len(), 1);
}

/// A failover, and back: what the other master was told meanwhile is known.
#[tokio::test]
async fn what_the_new_master_was_told_is_known_after_the_way_back() {
    let (first, second) = (Redis::start(), Redis::start());
    let mirror = mirrored(&first.url()).await;
    let issued_at = now();
    follow(&second, &first).await;
    eventually("in step", async || is_in_step(&second).await).await;
    judges_again(&[&mirror], issued_at).await;
    tell(&second, &["REPLICAOF", "NO", "ONE"]).await;
    // The last that the old master takes: the new one never gets it, and both changes have the
    // same number.
    revoke(&direct(&first.url()).await, "first").await;
    eventually("heard", async || verdict(&mirror, "first", issued_at).await == Some(Verdict::Revoked)).await;
    revoke(&direct(&second.url()).await, "revoked").await;
    follow(&first, &second).await;
    eventually("in step", async || is_in_step(&first).await).await;
    refuses_all(&[&mirror], issued_at).await;
    tell(&first, &["REPLICAOF", "NO", "ONE"]).await;
    judges_again(&[&mirror], issued_at).await;
    assert_eq!(verdict(&mirror, "revoked", issued_at).await, Some(Verdict::Revoked));
    let fresh = mirrored(&first.url()).await;
    assert_eq!(verdict(&fresh, "first", issued_at).await, Some(Verdict::Revoked), "written back");
}

#[tokio::test]
async fn a_master_that_knows_it_is_alone_is_not_believed() {
    let server = Redis::start();
    let (mirror, direct) = (mirrored(&server.url()).await, direct(&server.url()).await);
    let stores = [&mirror, &direct];
    let issued_at = now();
    judges_again(&stores, issued_at).await;
    tell(&server, &["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    refuses_all(&stores, issued_at).await;
    tell(&server, &["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    judges_again(&stores, issued_at).await;
}
