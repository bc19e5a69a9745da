//! Servers and settings that a store does not accept, and what it leaves behind.

use fauth_core::{
    ConfigError,
    store::{RedisConnectError, RedisStoreBuilder, SessionStore as _},
};
use servers::Redis;

use super::*;

async fn refused(builder: RedisStoreBuilder) -> ConfigError {
    match builder.connect().await {
        Err(RedisConnectError::Config(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn settings_have_bounds() {
    let server = Redis::start();
    let builder = || RedisStore::builder(server.url());
    let ms = Duration::from_millis;
    for namespace in ["a", &"x".repeat(64), "A-z_0.9"] {
        assert!(builder().namespace(namespace).connect().await.is_ok(), "{namespace}");
    }
    for namespace in ["", &"x".repeat(65), "a:b", "{a}", "a b", "a*", "ä"] {
        assert_eq!(refused(builder().namespace(namespace)).await.field(), "namespace", "{namespace}");
    }
    for (good, bad) in [(ms(200), ms(199)), (MINUTE * 60, MINUTE * 60 + ms(1))] {
        assert!(builder().max_staleness(good).connect().await.is_ok());
        assert_eq!(refused(builder().max_staleness(bad)).await.field(), "max_staleness");
    }
    assert!(builder().command_timeout(MINUTE).connect().await.is_ok());
    for bad in [ms(9), MINUTE + ms(1)] {
        assert_eq!(refused(builder().command_timeout(bad)).await.field(), "command_timeout");
    }
    for url in ["", "localhost", "http://localhost/"] {
        assert_eq!(refused(RedisStore::builder(url)).await.field(), "url", "{url}");
    }
}

#[tokio::test]
async fn no_error_tells_the_password() {
    let server = Redis::start();
    let address = server.url().replace("redis://", "");
    let mut connection = raw(&server.url()).await;
    let mut require = redis::cmd("CONFIG");
    require.arg(&["SET", "requirepass", "another"]).exec_async(&mut connection).await.unwrap();
    for url in [
        format!("redis://:pAsswOrd@{address}"),
        format!("redis://user:pAsswOrd@{address}"),
        format!("redis://:pAsswOrd@127.0.0.1:{}/", servers::free_port()),
        "redis://:pAsswOrd@127.0.0.1:port/".to_owned(),
        "rediss://:pAsswOrd@127.0.0.1/".to_owned(),
    ] {
        let builder = RedisStore::builder(&url).command_timeout(Duration::from_millis(300));
        assert!(!format!("{builder:?}").contains("pAsswOrd"));
        let error = builder.connect().await.unwrap_err();
        assert!(!everything_of(&error).contains("pAsswOrd"), "{}", everything_of(&error));
    }
    let store = RedisStore::connect(format!("redis://:another@{address}")).await.unwrap();
    assert_eq!(format!("{store:?}"), "RedisStore { namespace: \"fauth\", .. }");
}

#[tokio::test]
async fn namespaces_know_nothing_of_each_other() {
    let server = Redis::start();
    let one = RedisStore::builder(server.url()).namespace("one").connect().await.unwrap();
    let two = RedisStore::builder(server.url()).namespace("two").connect().await.unwrap();
    let issued_at = now();
    revoke(&one, "revoked").await;
    one.open(login(1), now()).await.unwrap();
    assert_eq!(verdict(&one, "revoked", issued_at).await, Some(Verdict::Revoked));
    assert_eq!(verdict(&two, "revoked", issued_at).await, Some(Verdict::Good));
    assert_eq!(two.list(&alice(), now()).await.unwrap(), []);
}

/// What is over leaves the sorted set of the revocations, a little at each write.
#[tokio::test]
async fn what_is_over_is_swept_in_small_steps() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let ago = |span: Duration| {
        Timestamp::from_unix_seconds(now().unix_seconds() - i64::try_from(span.as_secs()).unwrap())
    };
    let names: Vec<_> = (0..300).map(|number| format!("old {number}")).collect();
    let targets: Vec<_> = names.iter().map(|name| RevocationTarget::TokenId(name)).collect();
    // By a clock that is a day behind, and so does not sweep them itself.
    store.revoke(&alice(), &targets, None, ago(DAY), ago(DAY.saturating_sub(MINUTE))).await.unwrap();
    let mut connection = raw(&server.url()).await;
    let mut count = async || -> u64 {
        let mut count = redis::cmd("ZCARD");
        count.arg("{fauth:r}:revoked");
        // Without the one that names the memory.
        count.query_async::<u64>(&mut connection).await.unwrap() - 1
    };
    assert_eq!(count().await, 300);
    let mut seen = vec![300];
    for number in 0..6 {
        revoke(&store, &format!("new {number}")).await;
        seen.push(count().await);
    }
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1] + 100), "never many at once: {seen:?}");
    assert_eq!(seen.last(), Some(&6), "{seen:?}");
}

/// First all keys of a namespace had one slot; then the keys of the revocations did not vouch for
/// each other.
#[tokio::test]
async fn keys_of_an_older_version_are_named() {
    let server = Redis::start();
    let mut connection = raw(&server.url()).await;
    let mut rule = redis::cmd("ACL");
    rule.arg(&["SETUSER", "guest", "on", ">secret", "~{fauth:*}:*", "~{new:*}:*", "+@all"]);
    rule.exec_async(&mut connection).await.unwrap();
    // Who may see the keys of the later layouts only.
    let guest = server.url().replace("127", "guest:secret@127");
    for (old, url) in [
        ("{fauth}:generation", server.url()),
        ("{fauth:r}:generation", server.url()),
        ("{fauth:r}:generation", guest),
    ] {
        let mut keep = redis::cmd("HSET");
        keep.arg(old).arg(&["id", "x", "since", "0", "seq", "0"]);
        keep.exec_async(&mut connection).await.unwrap();
        let error = refused(RedisStore::builder(&url)).await;
        assert!(error.field() == "namespace" && error.problem().contains("older version"), "{error}");
        assert!(RedisStore::builder(&url).namespace("new").connect().await.is_ok());
        redis::cmd("DEL").arg(old).exec_async(&mut connection).await.unwrap();
        assert!(RedisStore::connect(&url).await.is_ok());
    }
}

/// Nobody revokes anything any more: logins forget what is over.
#[tokio::test]
async fn what_is_over_is_swept_by_logins_too() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let ago = |span: Duration| {
        Timestamp::from_unix_seconds(now().unix_seconds() - i64::try_from(span.as_secs()).unwrap())
    };
    let ids: Vec<_> = (0..40).map(|number| format!("old {number}")).collect();
    let targets: Vec<_> = ids.iter().map(|id| RevocationTarget::TokenId(id)).collect();
    let (then, until) = (ago(DAY), ago(DAY.saturating_sub(MINUTE)));
    store.revoke(&alice(), &targets, None, then, until).await.unwrap();
    store.raise_epoch(&alice(), then, until).await.unwrap();
    for _ in 0..3 {
        store.epoch(&owner("bob"), now()).await.unwrap();
    }
    let mut connection = raw(&server.url()).await;
    for set in ["revoked", "epochs", "epoch-ends"] {
        let mut left = redis::cmd("ZRANGE");
        left.arg(format!("{{fauth:r}}:{set}")).arg(0).arg(-1);
        let left: Vec<String> = left.query_async(&mut connection).await.unwrap();
        assert!(matches!(left.as_slice(), [mark] if mark.starts_with("memory:")), "{set}: {left:?}");
    }
    assert_eq!(verdict(&store, "good", now()).await, Some(Verdict::Good));
}

/// What is over for an hour: sessions and tombstones.
#[tokio::test]
async fn what_is_over_leaves_with_the_next_login() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let ago = |minutes: i64| Timestamp::from_unix_seconds(now().unix_seconds() - minutes * 60);
    for number in 1..=20 {
        let mut old = login(number);
        old.session.last_seen_at = ago(180);
        // Every second one is over for more than an hour.
        old.session.expires_at = ago(if number % 2 == 0 { 120 } else { 30 });
        old.session.tokens_end_at = old.session.expires_at;
        store.open(old, ago(180)).await.unwrap();
    }
    for number in 1..=10 {
        store.end(&alice(), &sid(number), ago(180)).await.unwrap();
    }
    let mut connection = raw(&server.url()).await;
    let mut count = async || -> (u64, u64) {
        let mut keys: Vec<String> =
            redis::cmd("KEYS").arg("*:*s:*").query_async(&mut connection).await.unwrap();
        keys.sort();
        let [sessions, tombstones] = keys.as_slice() else { panic!("{keys:?}") };
        let mut both = redis::pipe();
        both.cmd("HLEN").arg(sessions).cmd("ZCARD").arg(tombstones);
        both.query_async(&mut connection).await.unwrap()
    };
    // A tombstone and the end of its tokens.
    assert_eq!(count().await, (10, 2 * 10));
    store.open(login(30), now()).await.unwrap();
    assert_eq!(count().await, (5 + 1, 2 * 5));
}
