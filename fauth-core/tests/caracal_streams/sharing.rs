//! Several consumers of one group.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consumers_share_the_work() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let slow = || Flaky::new(&store, FlakyState { slow: ms(2), ..FlakyState::default() });
    let (one, other) = (slow(), slow());
    for number in 0..200 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let run =
        |anchors: &Flaky| revoker(&store).batch_size(5).anchors(anchors.clone()).build().unwrap().spawn();
    let consumers = [run(&one), run(&other)];
    eventually("all is done", async || {
        one.asked() + other.asked() >= 200 && pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    assert_eq!(one.asked() + other.asked(), 200, "each entry once");
    assert!(one.asked() > 20 && other.asked() > 20, "{} and {}", one.asked(), other.asked());
    for number in 0..200 {
        assert!(is_revoked(&store, &format!("sid_{number}")).await, "{number}");
    }
    for consumer in consumers {
        consumer.shutdown().await;
    }
}

/// Delivered to a consumer that never comes back, more than a page of them.
#[tokio::test]
async fn what_others_have_left_is_claimed_when_it_is_old_enough() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    for number in 0..130 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0"]).await;
    let words = ["XREADGROUP", "GROUP", REVOKERS, "resource-1", "COUNT", "1000", "STREAMS", REVOKE, ">"];
    ask::<redis::Value>(&mut redis, &words).await;
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 130);
    let mut patient = revoker(&store).pending_idle(HOUR).build().unwrap();
    assert_eq!(drain(&mut patient).await, 0, "it may still be at work");
    let mut consumer = revoker(&store).build().unwrap();
    eventually("all is claimed", async || {
        consumer.poll().await.unwrap();
        pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    for number in 0..130 {
        assert!(is_revoked(&store, &format!("sid_{number}")).await, "{number}");
    }
}

/// An entry that was deleted after it was delivered is only a number.
#[tokio::test]
async fn deliveries_of_deleted_entries_are_forgotten() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0", "MKSTREAM"]).await;
    for name in ["resource-1", "mine"] {
        let id = add_revocation(&mut redis, name).await;
        let words = ["XREADGROUP", "GROUP", REVOKERS, name, "STREAMS", REVOKE, ">"];
        ask::<redis::Value>(&mut redis, &words).await;
        ask::<usize>(&mut redis, &["XDEL", REVOKE, &id]).await;
    }
    add_revocation(&mut redis, "sid_1").await;
    let mut consumer = revoker(&store).consumer("mine").build().unwrap();
    eventually("nothing is pending", async || {
        consumer.poll().await.unwrap();
        pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    assert!(is_revoked(&store, "sid_1").await);
}

/// With a name of its own a consumer that comes back waits for nobody.
#[tokio::test]
async fn a_consumer_that_comes_back_goes_on_with_what_it_had() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    for number in 0..120 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0"]).await;
    let words = ["XREADGROUP", "GROUP", REVOKERS, "billing-1", "COUNT", "110", "STREAMS", REVOKE, ">"];
    ask::<redis::Value>(&mut redis, &words).await;
    let mut consumer = revoker(&store).consumer("billing-1").pending_idle(HOUR).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 120);
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 0);
    let task = revoker(&store).consumer("billing-1").build().unwrap().spawn();
    tokio::time::sleep(ms(200)).await;
    task.shutdown().await;
    let consumers: Vec<redis::Value> = ask(&mut redis, &["XINFO", "CONSUMERS", REVOKE, REVOKERS]).await;
    assert_eq!(consumers.len(), 1, "who has a name of its own stays in the group");
}

/// A service with a store of its own.
#[tokio::test]
async fn another_group_gets_every_entry_too() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let own = RedisAnchorStore::builder(server.url()).prefix("own:").connect().await.unwrap();
    add_revocation(&mut redis, "sid_1").await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 1);
    let mut other = revoker(&store).group("own-revocation").anchors(own.clone()).build().unwrap();
    assert_eq!(drain(&mut other).await, 1);
    assert!(is_revoked(&store, "sid_1").await && is_revoked(&own, "sid_1").await);
}
