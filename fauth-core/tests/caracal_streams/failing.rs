//! The store of anchors fails, or the stream goes.

use super::*;

#[tokio::test]
async fn what_the_store_did_not_take_is_tried_again_and_not_buried() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let flaky = Flaky::new(&store, FlakyState::default());
    flaky.set_down(true);
    for number in 0..120 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let mut consumer = revoker(&store).anchors(flaky.clone()).build().unwrap();
    let error = consumer.poll().await.unwrap_err();
    assert!(error.to_string().contains("down"), "{error}");
    assert_eq!(flaky.asked(), 3, "a store that is down is not asked for each of a batch");
    for _ in 0..5 {
        let _ = consumer.poll().await;
    }
    let delivered = pending(&mut redis, REVOKE, REVOKERS).await;
    assert!((50..=60).contains(&delivered), "not the whole stream becomes pending: {delivered}");
    flaky.set_down(false);
    eventually("all is done", async || {
        let _ = consumer.poll().await;
        is_revoked(&store, "sid_0").await
            && is_revoked(&store, "sid_119").await
            && pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    for number in 0..120 {
        assert!(is_revoked(&store, &format!("sid_{number}")).await, "{number}");
    }
    assert_eq!(length(&mut redis, &format!("{REVOKE}.dead")).await, 0);
}

#[tokio::test]
async fn a_task_goes_on_when_the_store_is_back() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let flaky = Flaky::new(&store, FlakyState::default());
    flaky.set_down(true);
    let consumer = revoker(&store).anchors(flaky.clone()).build().unwrap().spawn();
    add_revocation(&mut redis, "sid_1").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = flaky.asked();
    assert!((2..100).contains(&asked), "it tries, with pauses: {asked}");
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 1);
    flaky.set_down(false);
    let waited = eventually("it is back", async || is_revoked(&store, "sid_1").await).await;
    assert!(waited < Duration::from_secs(4), "{waited:?}");
    let start = Instant::now();
    flaky.set_down(true);
    add_revocation(&mut redis, "sid_2").await;
    consumer.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

/// More of them than failures in a row that end a batch.
#[tokio::test]
async fn entries_that_always_fail_block_no_others() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let flaky = Flaky::new(&store, FlakyState { refuses: Some("bad"), ..FlakyState::default() });
    for number in 0..7 {
        add_revocation(&mut redis, &format!("bad_{number}")).await;
    }
    for number in 0..100 {
        add_revocation(&mut redis, &format!("sid_{number}")).await;
    }
    let consumer = revoker(&store).anchors(flaky.clone()).build().unwrap().spawn();
    eventually("the first of the others", async || is_revoked(&store, "sid_0").await).await;
    eventually("the last of the others", async || is_revoked(&store, "sid_99").await).await;
    eventually("the bad ones are left", async || pending(&mut redis, REVOKE, REVOKERS).await == 7).await;
    for number in 0..5 {
        let name = format!("late_{number}");
        add_revocation(&mut redis, &name).await;
        let waited = eventually("a new one", async || is_revoked(&store, &name).await).await;
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }
    assert_eq!(length(&mut redis, &format!("{REVOKE}.dead")).await, 0);
    consumer.shutdown().await;
}

#[tokio::test]
async fn a_stream_or_a_group_that_is_deleted_is_made_again() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut consumer = revoker(&store).build().unwrap();
    add_revocation(&mut redis, "sid_1").await;
    assert_eq!(drain(&mut consumer).await, 1);
    ask::<usize>(&mut redis, &["DEL", REVOKE]).await;
    add_revocation(&mut redis, "sid_2").await;
    assert_eq!(consumer.poll().await.unwrap(), 1);
    ask::<usize>(&mut redis, &["XGROUP", "DESTROY", REVOKE, REVOKERS]).await;
    add_revocation(&mut redis, "sid_3").await;
    assert_eq!(consumer.poll().await.unwrap(), 2, "from the first entry on");
    assert!(is_revoked(&store, "sid_2").await && is_revoked(&store, "sid_3").await);
}

#[tokio::test]
async fn a_stream_that_is_deleted_under_a_waiting_consumer_is_made_again() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let consumer = revoker(&store).wait(Duration::from_secs(30)).build().unwrap().spawn();
    for (name, words) in [
        ("sid_1", vec!["DEL", REVOKE]),
        ("sid_2", vec!["XGROUP", "DESTROY", REVOKE, REVOKERS]),
        ("sid_3", vec!["FLUSHALL"]),
    ] {
        eventually("it waits", async || ask::<usize>(&mut redis, &["EXISTS", REVOKE]).await == 1).await;
        tokio::time::sleep(ms(200)).await;
        ask::<redis::Value>(&mut redis, &words).await;
        add_revocation(&mut redis, name).await;
        eventually(name, async || is_revoked(&store, name).await).await;
    }
    consumer.shutdown().await;
}

/// Something else has the name of the stream.
#[tokio::test]
async fn a_stream_that_is_none_is_an_error_and_mended_when_it_goes() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    ask::<()>(&mut redis, &["SET", REVOKE, "no stream"]).await;
    let mut consumer = revoker(&store).build().unwrap();
    assert!(consumer.poll().await.unwrap_err().to_string().contains("WRONGTYPE"));
    ask::<usize>(&mut redis, &["DEL", REVOKE]).await;
    add_revocation(&mut redis, "sid_1").await;
    assert_eq!(drain(&mut consumer).await, 1);
}

/// The handle tells, for a health endpoint.
#[tokio::test]
async fn a_handle_tells_whether_the_stream_is_heard() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let flaky = Flaky::new(&store, FlakyState::default());
    let consumer = revoker(&store).anchors(flaky.clone()).build().unwrap().spawn();
    assert!(consumer.last_heard().is_none() && consumer.is_behind(), "nothing yet");
    let is_well = async || consumer.last_heard().is_some_and(|ago| ago < ms(300)) && !consumer.is_behind();
    eventually("it hears", is_well).await;
    flaky.set_down(true);
    add_revocation(&mut redis, "sid_1").await;
    eventually("it is behind", async || consumer.is_behind()).await;
    let silence = Duration::from_secs(1);
    eventually("it hears nothing", async || consumer.last_heard().unwrap() > silence).await;
    assert!(consumer.is_behind() && !is_revoked(&store, "sid_1").await);
    flaky.set_down(false);
    eventually("it hears again", is_well).await;
    assert!(is_revoked(&store, "sid_1").await);
    // A server that stands still says nothing, also while nothing comes.
    server.pause();
    eventually("it hears nothing again", async || consumer.last_heard().unwrap() > silence).await;
    server.resume();
    eventually("it hears once more", is_well).await;
    assert_eq!(consumer.lost(), 0);
    consumer.shutdown().await;
}

/// A few that always fail are no silence beside others of the same batch.
#[tokio::test]
async fn a_consumer_with_entries_that_fail_hears_and_is_behind() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let flaky = Flaky::new(&store, FlakyState { refuses: Some("bad"), ..FlakyState::default() });
    for anchor in ["bad_1", "sid_1"] {
        add_revocation(&mut redis, anchor).await;
    }
    let consumer = revoker(&store).anchors(flaky).build().unwrap().spawn();
    eventually("the other one", async || is_revoked(&store, "sid_1").await).await;
    eventually("it hears", async || consumer.last_heard().is_some()).await;
    assert!(consumer.is_behind());
    // What is left fails alone: nobody can tell that from a store that takes nothing.
    eventually("it is a silence", async || consumer.last_heard().unwrap() > ms(600)).await;
    add_revocation(&mut redis, "sid_2").await;
    eventually("another one", async || is_revoked(&store, "sid_2").await).await;
    eventually("it hears again", async || consumer.last_heard().unwrap() < ms(300)).await;
    assert!(consumer.is_behind());
    consumer.shutdown().await;
}
