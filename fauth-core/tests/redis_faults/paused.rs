//! Redis stands still: it keeps its connections and answers nothing.

use fauth_core::store::{Verdict, WhenStale};
use servers::Redis;

use super::*;

#[tokio::test]
async fn a_mirror_that_is_too_old_refuses_until_it_hears_again() {
    let server = Redis::start();
    let (store, other) = (mirrored(&server.url()).await, mirrored(&server.url()).await);
    let issued_at = now();
    revoke(&store, "revoked").await;
    assert_eq!(verdict(&store, "good", issued_at).await, Some(Verdict::Good));
    server.pause();
    let refused = eventually("refused", async || verdict(&store, "good", issued_at).await.is_none()).await;
    assert!(refused < Duration::from_millis(700), "the mirror may be 600 ms old: {refused:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(verdict(&store, "good", issued_at).await, None);
    assert_eq!(verdict(&store, "revoked", issued_at).await, None);
    server.resume();
    for store in [&store, &other] {
        eventually("good again", async || verdict(store, "good", issued_at).await == Some(Verdict::Good))
            .await;
        assert_eq!(verdict(store, "revoked", issued_at).await, Some(Verdict::Revoked));
    }
    // And it hears of what others do.
    revoke(&other, "another").await;
    eventually("heard", async || verdict(&store, "another", issued_at).await == Some(Verdict::Revoked)).await;
}

#[tokio::test]
async fn one_that_asks_redis_instead_waits_no_longer_than_it_may() {
    let server = Redis::start();
    let builder = RedisStore::builder(server.url()).max_staleness(Duration::from_millis(200));
    let builder = builder.command_timeout(Duration::from_millis(300)).when_stale(WhenStale::AskRedis);
    let store = builder.connect().await.unwrap();
    let issued_at = now();
    server.pause();
    tokio::time::sleep(Duration::from_millis(250)).await;
    let start = Instant::now();
    assert_eq!(verdict(&store, "good", issued_at).await, None);
    let waited = start.elapsed();
    assert!(waited > Duration::from_millis(250) && waited < Duration::from_millis(600), "{waited:?}");
    server.resume();
    eventually("good again", async || verdict(&store, "good", issued_at).await == Some(Verdict::Good)).await;
}

/// The mirror's own connection is cut off again and again, and so it is always too old; Redis itself answers.
#[tokio::test]
async fn one_that_asks_redis_gets_its_answer_there() {
    let server = Redis::start();
    let store = |when_stale| {
        let builder = RedisStore::builder(server.url()).max_staleness(Duration::from_millis(200));
        builder.when_stale(when_stale).connect()
    };
    let asking = store(WhenStale::AskRedis).await.unwrap();
    let refusing = store(WhenStale::Refuse).await.unwrap();
    let issued_at = now();
    revoke(&asking, "revoked").await;
    // A script's name that the mirrors need and nothing else does: without `INFO` and `XREAD` they hear nothing.
    let mut connection = raw(&server.url()).await;
    let rule = ["ACL", "SETUSER", "default", "-xread"];
    redis::cmd(rule[0]).arg(&rule[1..]).exec_async(&mut connection).await.unwrap();
    eventually("too old", async || verdict(&refusing, "good", issued_at).await.is_none()).await;
    assert_eq!(verdict(&asking, "good", issued_at).await, Some(Verdict::Good));
    assert_eq!(verdict(&asking, "revoked", issued_at).await, Some(Verdict::Revoked));
}
