//! What one instance changes, the others hear.

use fauth_core::store::{Change, ChangeSender, Changes};

use super::*;

fn of(name: &str) -> Change {
    Change::Key(ChangeSender::hash(name.as_bytes()))
}

/// The first thing that is heard is that nobody knows what was before.
async fn listen(store: &RedisAnchorStore) -> Changes {
    let mut changes = store.changes().unwrap();
    assert_eq!(next(&mut changes).await, Change::All);
    changes
}

async fn next(changes: &mut Changes) -> Change {
    tokio::time::timeout(Duration::from_secs(5), changes.next()).await.unwrap().unwrap()
}

async fn nothing_comes(changes: &mut Changes) {
    assert!(tokio::time::timeout(ms(200), changes.next()).await.is_err());
}

/// Until this is heard.
async fn until(changes: &mut Changes, change: Change) -> Duration {
    let start = Instant::now();
    while next(changes).await != change {}
    start.elapsed()
}

async fn subscribers(connection: &mut MultiplexedConnection) -> usize {
    let words = ["PUBSUB", "NUMSUB", "fauth:caracal:revoked:sessions:changes"];
    let (_, count): (String, usize) = ask(connection, &words).await;
    count
}

#[tokio::test]
async fn a_change_reaches_another_instance_within_a_second() {
    let server = Redis::start();
    let (one, other) = (store(&server.url()).await, store(&server.url()).await);
    let mut changes = listen(&other).await;
    for number in 0..20 {
        let anchor = format!("sid_{number}");
        let start = Instant::now();
        one.revoke(&[&anchor], HOUR).await.unwrap();
        assert_eq!(next(&mut changes).await, of(&anchor));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(is_revoked(&other, &anchor).await, "whoever hears it can see it");
    }
    one.raise_epoch("zone_prod", 3, HOUR).await.unwrap();
    assert_eq!(next(&mut changes).await, of("zone_prod"));
    // What changes nothing for a mandate is not told.
    one.raise_epoch("zone_prod", 3, HOUR).await.unwrap();
    one.spend("jti_1", HOUR).await.unwrap();
    nothing_comes(&mut changes).await;
}

#[tokio::test]
async fn an_instance_hears_itself() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    let mut changes = listen(&store).await;
    store.revoke(&["sid_1", "sid_2"], HOUR).await.unwrap();
    assert_eq!(next(&mut changes).await, of("sid_1"));
    until(&mut changes, of("sid_2")).await;
    store.raise_epoch("zone_prod", 3, HOUR).await.unwrap();
    until(&mut changes, of("zone_prod")).await;
}

#[tokio::test]
async fn what_a_consumer_carries_out_reaches_all_instances() {
    let server = Redis::start();
    let (one, other) = (store(&server.url()).await, store(&server.url()).await);
    let mut redis = raw(&server.url()).await;
    let mut changes = listen(&other).await;
    let consumer = revoker(&one).wait(Duration::from_secs(5)).build().unwrap().spawn();
    eventually("the group", async || ask::<usize>(&mut redis, &["EXISTS", REVOKE]).await == 1).await;
    tokio::time::sleep(ms(100)).await;
    let start = Instant::now();
    add_revocation(&mut redis, "sid_1").await;
    until(&mut changes, of("sid_1")).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    consumer.shutdown().await;
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_subscribed() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    store.revoke(&["sid_1"], HOUR).await.unwrap();
    assert_eq!(subscribers(&mut redis).await, 0);
    let one = listen(&store).await;
    let mut other = store.changes().unwrap();
    assert_eq!(subscribers(&mut redis).await, 1, "one subscription for all who listen");
    drop(one);
    tokio::time::sleep(ms(1500)).await;
    assert_eq!(subscribers(&mut redis).await, 1);
    store.revoke(&["sid_2"], HOUR).await.unwrap();
    assert_eq!(next(&mut other).await, of("sid_2"));
    drop(other);
    eventually("nobody listens", async || subscribers(&mut redis).await == 0).await;
    listen(&store).await;
    assert_eq!(subscribers(&mut redis).await, 1, "and the next one to listen is heard");
    drop(store);
    eventually("the store is gone", async || subscribers(&mut redis).await == 0).await;
}

#[tokio::test]
async fn whoever_listens_knows_when_the_store_is_gone() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    let mut changes = listen(&store).await;
    drop(store);
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), changes.next()).await.unwrap(), None);
}

#[tokio::test]
async fn a_subscription_that_was_lost_is_taken_again_and_told() {
    let mut server = Redis::start();
    let (one, other) = (hasty(&server.url()).await, hasty(&server.url()).await);
    let mut changes = listen(&other).await;
    for restart in [false, true] {
        if restart {
            server = tokio::task::spawn_blocking(move || {
                server.restart();
                server
            })
            .await
            .unwrap();
        } else {
            let mut redis = raw(&server.url()).await;
            ask::<usize>(&mut redis, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        }
        let waited = until(&mut changes, Change::All).await;
        assert!(waited < Duration::from_secs(4), "{waited:?}");
        eventually("it revokes", async || one.revoke(&["sid_1"], HOUR).await.is_ok()).await;
        until(&mut changes, of("sid_1")).await;
    }
}

/// A server that answers nothing, and breaks no connection.
#[tokio::test]
async fn a_server_that_stands_still_is_noticed() {
    let server = Redis::start();
    let other = hasty(&server.url()).await;
    let mut changes = listen(&other).await;
    server.pause();
    tokio::time::sleep(ms(2500)).await;
    server.resume();
    until(&mut changes, Change::All).await;
}

/// They publish nothing; where the server tells of changed keys, it says so for them.
#[tokio::test]
async fn services_in_other_languages_are_heard_where_the_server_tells() {
    let server = Redis::start_with(&["--notify-keyspace-events", "K$"]);
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut changes = listen(&store).await;
    ask::<()>(&mut redis, &["SET", "caracal:revoked:sessions:sid_1", "1", "PX", "60000"]).await;
    until(&mut changes, of("sid_1")).await;
    let zone = "caracal:revoked:sessions:delegation-epoch:zone_prod";
    ask::<()>(&mut redis, &["SET", zone, "4", "PX", "60000"]).await;
    until(&mut changes, of("zone_prod")).await;
    ask::<()>(&mut redis, &["SET", "elsewhere", "1"]).await;
    nothing_comes(&mut changes).await;
}

/// Most servers do not tell of changed keys.
#[tokio::test]
async fn services_in_other_languages_are_looked_for_where_the_server_does_not_tell() {
    let soon = Duration::from_secs(7);
    let server = Redis::start_with(&["--notify-keyspace-events", "Kx"]);
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let mut changes = listen(&store).await;
    ask::<()>(&mut redis, &["SET", "caracal:revoked:sessions:sid_1", "1", "PX", "60000"]).await;
    let heard = tokio::time::timeout(soon, changes.next()).await.unwrap();
    assert_eq!(heard, Some(Change::All));
    // Once it tells, it is believed.
    ask::<()>(&mut redis, &["CONFIG", "SET", "notify-keyspace-events", "K$"]).await;
    assert_eq!(tokio::time::timeout(soon, changes.next()).await.unwrap(), Some(Change::All));
    ask::<()>(&mut redis, &["SET", "caracal:revoked:sessions:sid_2", "1", "PX", "60000"]).await;
    assert_eq!(next(&mut changes).await, of("sid_2"));
    assert!(tokio::time::timeout(soon, changes.next()).await.is_err());
}

#[test]
fn whoever_listens_knows_when_the_runtime_of_the_store_is_gone() {
    let server = Redis::start();
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (store, mut changes) = first.block_on(async {
        let store = store(&server.url()).await;
        let changes = listen(&store).await;
        (store, changes)
    });
    drop(first);
    second.block_on(async {
        let soon = Duration::from_secs(5);
        assert_eq!(tokio::time::timeout(soon, changes.next()).await.unwrap(), None);
        let mut later = store.changes().unwrap();
        assert_eq!(tokio::time::timeout(soon, later.next()).await.unwrap(), None);
    });
}
