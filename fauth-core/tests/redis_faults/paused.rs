//! Redis stands still: it keeps its connections and answers nothing.

use fauth_core::{
    Purpose,
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, OneTimeRecord, OneTimeStore, RotationOutcome, SessionStore,
        StoredApiKey, Verdict, WhenStale,
    },
};
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

/// The mirror's own connection is cut off again and again, and so it is always too old; Redis
/// itself answers.
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
    // A script's name that the mirrors need and nothing else does: without `INFO` and `XREAD` they
    // hear nothing.
    let mut connection = raw(&server.url()).await;
    let rule = ["ACL", "SETUSER", "default", "-xread"];
    redis::cmd(rule[0]).arg(&rule[1..]).exec_async(&mut connection).await.unwrap();
    eventually("too old", async || verdict(&refusing, "good", issued_at).await.is_none()).await;
    assert_eq!(verdict(&asking, "good", issued_at).await, Some(Verdict::Good));
    assert_eq!(verdict(&asking, "revoked", issued_at).await, Some(Verdict::Revoked));
}

/// Redis takes what lies in its buffers when it goes on: by then the exchange would lie outside
/// the grace window, and the next attempt would look like a theft.
#[tokio::test]
async fn an_exchange_that_nobody_waits_for_is_not_made() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    store.open(login(1), now()).await.unwrap();
    let attempt = |presented, successor| Rotation {
        grace: Duration::from_secs(2),
        ..exchange(1, presented, successor)
    };
    assert!(matches!(
        store.rotate(&alice(), &attempt(0, 1), now()).await.unwrap(),
        RotationOutcome::Rotated(_)
    ));
    server.pause();
    assert!(store.rotate(&alice(), &attempt(1, 2), now()).await.is_err());
    tokio::time::sleep(Duration::from_secs(4)).await;
    server.resume();
    let outcome = store.rotate(&alice(), &attempt(1, 3), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    let outcome = store.rotate(&alice(), &attempt(3, 4), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    assert_eq!(SessionStore::list(&store, &alice(), now()).await.unwrap().len(), 1);
}

/// A login that failed crowds out nobody, a link that failed still works, and what was not handed
/// out is not kept.
#[tokio::test]
async fn what_failed_does_not_happen_later() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let limited = |number| NewSession { limit: 1, ..login(number) };
    let link = |name| OneTimeRecord {
        hash: hash(name),
        owner: alice(),
        purpose: Purpose::PasswordReset,
        expires_at: later(DAY),
    };
    let key = |number: u8| StoredApiKey {
        key: ApiKey {
            id: ApiKeyId::new(&alice(), [number; 16]),
            owner: alice(),
            name: "a key".to_owned(),
            scopes: Vec::new(),
            created_at: now(),
            expires_at: later(DAY),
            last_used_at: None,
            user_epoch: Some(3),
        },
        hash: hash(0),
        hash_key_id: "hash key".to_owned(),
    };
    store.open(limited(1), now()).await.unwrap();
    OneTimeStore::insert(&store, link(1), 1, now()).await.unwrap();
    // So that Redis knows the scripts, and nothing waits for them.
    assert!(store.redeem(&alice(), &hash(9), Purpose::PasswordReset, now()).await.unwrap().is_none());
    assert!(ApiKeyStore::insert(&store, key(1), 9, now()).await.unwrap());
    server.pause();
    let (owner, link_one) = (alice(), hash(1));
    let (one, two, three, four) = tokio::join!(
        store.open(limited(2), now()),
        OneTimeStore::insert(&store, link(2), 1, now()),
        store.redeem(&owner, &link_one, Purpose::PasswordReset, now()),
        ApiKeyStore::insert(&store, key(2), 9, now()),
    );
    assert!(one.is_err() && two.is_err() && three.is_err() && four.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.resume();
    let sessions = SessionStore::list(&store, &alice(), now()).await.unwrap();
    assert_eq!(sessions.iter().map(|session| &session.id).collect::<Vec<_>>(), [&sid(1)]);
    assert!(store.redeem(&alice(), &hash(2), Purpose::PasswordReset, now()).await.unwrap().is_none());
    assert!(store.redeem(&alice(), &hash(1), Purpose::PasswordReset, now()).await.unwrap().is_some());
    assert_eq!(ApiKeyStore::list(&store, &alice(), now()).await.unwrap().len(), 1);
    assert_eq!(ids(&store.open(limited(2), now()).await.unwrap()), [sid(1)], "and a second attempt works");
}
