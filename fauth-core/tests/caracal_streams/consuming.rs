//! What a consumer does with messages that are as they should be.

use super::*;

#[tokio::test]
async fn every_anchor_of_a_message_is_revoked_and_acknowledged() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let message = [
        ("zone_id", "zone_other"),
        ("session_id", "record_1"),
        ("reason", "logout"),
        ("sid", "sid_1"),
        ("root_sid", "root_1"),
        ("agent_session_id", "agent_1"),
        ("delegation_edge_id", "edge_1"),
        ("grant_id", "grant_1"),
        ("outbox_id", "outbox_1"),
    ];
    // It came before there was a group.
    add_signed(&mut redis, REVOKE, &message).await;
    let mut consumer = revoker(&store).build().unwrap();
    assert_eq!(consumer.poll().await.unwrap(), 1);
    for anchor in ["record_1", "sid_1", "root_1", "agent_1", "edge_1"] {
        assert!(is_revoked(&store, anchor).await, "{anchor}");
        let left: i64 = ask(&mut redis, &["PTTL", &format!("caracal:revoked:sessions:{anchor}")]).await;
        assert!((86_990_000..=87_000_000).contains(&left), "24 hours and 10 minutes: {left}");
    }
    for other in ["grant_1", "outbox_1", "zone_other", "logout"] {
        assert!(!is_revoked(&store, other).await, "{other}");
    }
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 0);
    assert_eq!(length(&mut redis, REVOKE).await, 1, "the stream is not ours to trim");
    assert_eq!(length(&mut redis, &format!("{REVOKE}.dead")).await, 0);
}

#[tokio::test]
async fn an_invalidation_raises_the_epoch_of_its_zone() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut consumer = hurried(store.delegation_consumer()).signing_key(key()).build().unwrap();
    for (zone, epoch) in [("zone_prod", "5"), ("zone_other", "9"), ("zone_prod", "4"), ("zone_prod", "6")] {
        add_signed(&mut redis, INVALIDATE, &[("zone_id", zone), ("epoch", epoch), ("edge_id", "e")]).await;
    }
    assert_eq!(drain(&mut consumer).await, 4);
    assert_eq!((epoch(&store, "zone_prod").await, epoch(&store, "zone_other").await), (6, 9));
    let value: String =
        ask(&mut redis, &["GET", "caracal:revoked:sessions:delegation-epoch:zone_prod"]).await;
    assert_eq!(value, "6");
    assert_eq!(pending(&mut redis, INVALIDATE, INVALIDATORS).await, 0);
}

#[tokio::test]
async fn a_group_that_is_there_is_accepted_and_goes_on() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add_revocation(&mut redis, "before").await;
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "$"]).await;
    add_revocation(&mut redis, "after").await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 1);
    assert!(is_revoked(&store, "after").await && !is_revoked(&store, "before").await);
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 0, "another one has nothing to do");
}

/// Copied entries, and entries that are delivered again.
#[tokio::test]
async fn duplicates_are_harmless() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    for _ in 0..3 {
        add_revocation(&mut redis, "sid_1").await;
        add_signed(&mut redis, INVALIDATE, &[("zone_id", "zone_prod"), ("epoch", "5")]).await;
    }
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 3);
    let mut consumer = hurried(store.delegation_consumer()).signing_key(key()).build().unwrap();
    assert_eq!(drain(&mut consumer).await, 3);
    store.raise_epoch("zone_prod", 8, HOUR).await.unwrap();
    ask::<()>(&mut redis, &["XGROUP", "SETID", REVOKE, REVOKERS, "0"]).await;
    ask::<()>(&mut redis, &["XGROUP", "SETID", INVALIDATE, INVALIDATORS, "0"]).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 3);
    assert_eq!(drain(&mut consumer).await, 3);
    assert!(is_revoked(&store, "sid_1").await);
    assert_eq!(epoch(&store, "zone_prod").await, 8, "an old message lowers nothing");
}

/// M-15: Caracal's consumers wait for ever.
#[tokio::test]
async fn m_15_an_idle_poll_waits_for_a_bounded_time() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut consumer = revoker(&store).wait(ms(300)).build().unwrap();
    drain(&mut consumer).await;
    let start = Instant::now();
    assert_eq!(consumer.poll().await.unwrap(), 0);
    let waited = start.elapsed();
    assert!((ms(250)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
    // And what comes meanwhile ends the wait.
    let mut consumer = revoker(&store).wait(Duration::from_secs(30)).build().unwrap();
    let poll = tokio::spawn(async move {
        let start = Instant::now();
        (consumer.poll().await.unwrap(), start.elapsed())
    });
    tokio::time::sleep(ms(300)).await;
    add_revocation(&mut redis, "sid_1").await;
    let (done, waited) = poll.await.unwrap();
    assert!(done == 1 && waited < Duration::from_secs(5), "{done} {waited:?}");
}

#[tokio::test]
async fn batches_are_bounded() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    for number in 0..25 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let mut consumer = revoker(&store).batch_size(10).build().unwrap();
    for (done, behind) in [(10, 15), (10, 5), (5, 0), (0, 0)] {
        assert_eq!(consumer.poll().await.unwrap(), done);
        assert_eq!(waiting(&mut redis, REVOKE, REVOKERS).await, behind);
    }
}

#[tokio::test]
async fn a_task_ends_after_its_batch_and_leaves_the_group() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let slow = Flaky::new(&store, FlakyState { slow: ms(20), ..FlakyState::default() });
    for number in 0..40 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let consumer = revoker(&store).batch_size(20).anchors(slow.clone()).build().unwrap().spawn();
    eventually("it has begun", async || slow.asked() > 2).await;
    assert!(!consumer.is_finished());
    consumer.shutdown().await;
    let asked = slow.asked();
    assert_eq!(asked % 20, 0, "the batch was finished");
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 0, "and acknowledged");
    let consumers: Vec<redis::Value> = ask(&mut redis, &["XINFO", "CONSUMERS", REVOKE, REVOKERS]).await;
    assert_eq!(consumers.len(), 0, "and nothing is left of it");
    // What it did not come to is done by the next one.
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 40 - asked);
}

#[tokio::test]
async fn a_task_that_waits_ends_at_once() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let idle = || revoker(&store).wait(Duration::from_secs(30)).build().unwrap().spawn();
    let consumer = idle();
    tokio::time::sleep(ms(300)).await;
    let start = Instant::now();
    consumer.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    // A handle that is dropped ends it too; one that is detached does not.
    let (dropped, detached) = (idle(), idle());
    tokio::time::sleep(ms(300)).await;
    drop(dropped);
    detached.detach();
    let mut consumers = async || {
        let all: Vec<redis::Value> = ask(&mut redis, &["XINFO", "CONSUMERS", REVOKE, REVOKERS]).await;
        all.len()
    };
    eventually("one is left", async || consumers().await == 1).await;
    tokio::time::sleep(ms(300)).await;
    assert_eq!(consumers().await, 1);
    add_revocation(&mut raw(&server.url()).await, "sid_1").await;
    eventually("and it works", async || is_revoked(&store, "sid_1").await).await;
}

/// Names are new with each start, and a crash leaves one behind: the next consumer removes it when
/// it was not heard of for a day, and has nothing pending.
#[tokio::test]
async fn consumers_that_crashed_long_ago_are_removed() {
    const LEAVE: &str = concat!(
        include_str!("../../src/store/redis/scripts/prelude.lua"),
        include_str!("../../src/store/redis/scripts/streams/leave.lua")
    );
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add_revocation(&mut redis, "sid_1").await;
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0"]).await;
    for name in ["fauth-0123456789abcdef", "resource-1"] {
        ask::<usize>(&mut redis, &["XGROUP", "CREATECONSUMER", REVOKE, REVOKERS, name]).await;
    }
    let words = ["XREADGROUP", "GROUP", REVOKERS, "fauth-busy", "STREAMS", REVOKE, ">"];
    ask::<redis::Value>(&mut redis, &words).await;
    let mut patient = revoker(&store).consumer("mine").pending_idle(HOUR).build().unwrap();
    drain(&mut patient).await;
    let names = async |redis: &mut MultiplexedConnection| {
        let all: Vec<BTreeMap<String, redis::Value>> =
            ask(redis, &["XINFO", "CONSUMERS", REVOKE, REVOKERS]).await;
        let name =
            |row: &BTreeMap<String, redis::Value>| redis::from_redis_value(row["name"].clone()).unwrap();
        all.iter().map(name).collect::<Vec<String>>()
    };
    let all = ["fauth-0123456789abcdef", "fauth-busy", "mine", "resource-1"];
    assert_eq!(names(&mut redis).await, all, "not before a day has passed");
    let script = redis::Script::new(LEAVE);
    let mut invocation = script.key("nothing");
    invocation.key(REVOKE).arg(REVOKERS).arg("").arg(0).arg("fauth-");
    let (_, removed): (String, usize) = invocation.invoke_async(&mut redis).await.unwrap();
    assert_eq!(removed, 1);
    assert_eq!(
        names(&mut redis).await,
        ["fauth-busy", "mine", "resource-1"],
        "what is pending is claimed first"
    );
}
