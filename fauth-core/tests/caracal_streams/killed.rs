//! Redis or the consumer ends in the middle of a batch.

use super::*;

async fn all_are_revoked(store: &RedisAnchorStore, count: usize) -> bool {
    let names: Vec<_> = (0..count).map(|number| format!("sid_{number}")).collect();
    for name in &names {
        match store.check("zone_prod", &[name]).await {
            Ok(state) if state.is_revoked => {}
            _ => return false,
        }
    }
    true
}

async fn restarted(mut server: Redis) -> Redis {
    tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
    .await
    .unwrap()
}

/// Consumers are aborted where they are, again and again: nothing they had is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_killed_in_a_batch_loses_nothing() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let slow = Flaky::new(&store, FlakyState { slow: ms(3), ..FlakyState::default() });
    for number in 0..300 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let mut kills = 0;
    while slow.asked() < 150 {
        let consumer = revoker(&store).batch_size(40).anchors(slow.clone()).build().unwrap();
        let task = tokio::spawn(consumer.run_until(std::future::pending()));
        tokio::time::sleep(ms(60)).await;
        task.abort();
        let _ = task.await;
        kills += 1;
        assert!(kills < 100, "{}", slow.asked());
    }
    assert!(pending(&mut redis, REVOKE, REVOKERS).await > 0, "some had a batch");
    let consumer = revoker(&store).anchors(slow.clone()).build().unwrap().spawn();
    eventually("all is done", async || {
        pending(&mut redis, REVOKE, REVOKERS).await == 0 && waiting(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    assert!(all_are_revoked(&store, 300).await);
    println!("{kills} killed, {} calls for 300 entries", slow.asked());
    consumer.shutdown().await;
}

/// Redis is killed three times while entries are written and consumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_in_a_batch_loses_nothing() {
    let mut server = Redis::start();
    let store = hasty(&server.url()).await;
    let slow = Flaky::new(&store, FlakyState { slow: ms(2), ..FlakyState::default() });
    let run = || revoker(&store).batch_size(20).anchors(slow.clone()).build().unwrap().spawn();
    let consumers = [run(), run()];
    let mut written = 0;
    for _ in 0..3 {
        let mut redis = raw(&server.url()).await;
        for _ in 0..100 {
            add_revocation(&mut redis, &format!("sid_{written}")).await;
            written += 1;
        }
        tokio::time::sleep(ms(40)).await;
        server.kill();
        tokio::time::sleep(ms(100)).await;
        server = restarted(server).await;
    }
    let mut redis = raw(&server.url()).await;
    eventually("all is done", async || {
        all_are_revoked(&store, written).await && pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    assert_eq!(length(&mut redis, REVOKE).await, written);
    assert_eq!(length(&mut redis, &format!("{REVOKE}.dead")).await, 0);
    for consumer in consumers {
        consumer.shutdown().await;
    }
}

/// It stands still for longer than any call waits, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_in_a_batch_loses_nothing() {
    let server = Redis::start();
    let (store, mut redis) = (hasty(&server.url()).await, raw(&server.url()).await);
    let slow = Flaky::new(&store, FlakyState { slow: ms(2), ..FlakyState::default() });
    for number in 0..200 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let consumer = revoker(&store).anchors(slow.clone()).build().unwrap().spawn();
    eventually("it has begun", async || slow.asked() > 20).await;
    server.pause();
    let start = Instant::now();
    assert!(store.check("zone_prod", &["sid_0"]).await.is_err());
    assert!(store.revoke(&["other"], HOUR).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(3), "bounded: {:?}", start.elapsed());
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.resume();
    eventually("all is done", async || {
        all_are_revoked(&store, 200).await && pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    consumer.shutdown().await;
}

/// What was told 503 does not happen afterwards, or the next attempt would be taken for a replay.
#[tokio::test]
async fn a_mandate_is_not_spent_after_its_request_was_refused() {
    let server = Redis::start();
    let store = hasty(&server.url()).await;
    assert!(store.spend("jti_0", HOUR).await.unwrap());
    server.pause();
    assert!(store.spend("jti_1", HOUR).await.is_err());
    tokio::time::sleep(ms(600)).await;
    server.resume();
    eventually("it answers", async || store.check("z", &[]).await.is_ok()).await;
    assert!(store.spend("jti_1", HOUR).await.unwrap());
    assert!(!store.spend("jti_1", HOUR).await.unwrap());
}
