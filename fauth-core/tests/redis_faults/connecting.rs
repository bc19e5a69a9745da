//! Servers and settings that a store does not accept, and what it leaves behind.

use fauth_core::{
    ConfigError,
    store::{OneTimeRecord, OneTimeStore as _, RedisConnectError, RedisStoreBuilder, SessionStore as _},
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
async fn a_server_that_evicts_is_refused() {
    let server = Redis::start();
    let mut connection = raw(&server.url()).await;
    let mut policy = async |policy: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg(&["SET", "maxmemory-policy", policy]).exec_async(&mut connection).await.unwrap();
    };
    for evicting in ["allkeys-lru", "volatile-ttl"] {
        policy(evicting).await;
        let error = refused(RedisStore::builder(server.url())).await;
        assert!(error.field() == "maxmemory-policy" && error.problem().contains(evicting), "{error}");
        assert!(RedisStore::builder(server.url()).danger_allow_eviction().connect().await.is_ok());
    }
    policy("noeviction").await;
    assert!(RedisStore::connect(server.url()).await.is_ok());
}

/// Managed servers forbid `CONFIG` and `INFO`: that is no reason to fail.
#[tokio::test]
async fn a_server_that_does_not_tell_is_believed() {
    let server = Redis::start();
    let mut rule = redis::cmd("ACL");
    rule.arg(&["SETUSER", "guest", "on", ">secret", "~{fauth:*}:*", "+@all", "-config", "-info"]);
    rule.exec_async(&mut raw(&server.url()).await).await.unwrap();
    let url = server.url().replace("127", "guest:secret@127");
    let store = RedisStore::connect(&url).await.unwrap();
    revoke(&store, "revoked").await;
    assert_eq!(verdict(&store, "revoked", now()).await, Some(Verdict::Revoked));
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

/// Everything that an error says, with its sources.
fn all_of(error: &dyn std::error::Error) -> String {
    let source = error.source().map(all_of).unwrap_or_default();
    format!("{error} {error:?} {source}")
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
        assert!(!all_of(&error).contains("pAsswOrd"), "{}", all_of(&error));
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

/// Everything but the generation leaves by itself. Everything of an owner has the same hash tag,
/// and everything revoked too.
#[tokio::test]
async fn every_key_has_an_end_and_a_hash_tag() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    for number in 1..=2 {
        store.open(login(number), now()).await.unwrap();
    }
    store.rotate(&alice(), &exchange(1, 0, 1), now()).await.unwrap();
    store.end(&alice(), &sid(2), now()).await.unwrap();
    revoke(&store, "revoked").await;
    store.raise_epoch(&alice(), now(), later(DAY)).await.unwrap();
    let purpose = fauth_core::Purpose::PasswordReset;
    let record = OneTimeRecord { hash: hash(1), owner: alice(), purpose, expires_at: later(DAY) };
    store.insert(record, 1, now()).await.unwrap();
    keep_api_key(&store).await;

    let mut connection = raw(&server.url()).await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let of_alice = format!("{{fauth:{}}}:", alice().bucket());
    assert_eq!(keys.iter().filter(|key| key.starts_with(&of_alice)).count(), 5, "{keys:?}");
    assert_eq!(keys.iter().filter(|key| key.starts_with("{fauth:r}:")).count(), 5, "{keys:?}");
    assert_eq!(keys.len(), 10, "{keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert_eq!(left > 0, key != "{fauth:r}:generation", "{key} {left}");
        // A day or a week, and an hour.
        assert!(left <= i64::try_from((DAY * 7 + MINUTE * 60).as_millis()).unwrap(), "{key} {left}");
    }
}

async fn keep_api_key(store: &RedisStore) {
    use fauth_core::store::{ApiKey, ApiKeyId, ApiKeyStore, StoredApiKey};
    let key = ApiKey {
        id: ApiKeyId::new(&alice(), [0xab; 16]),
        owner: alice(),
        name: "deploy".to_owned(),
        scopes: vec!["read".to_owned()],
        created_at: now(),
        expires_at: later(DAY),
        last_used_at: None,
        user_epoch: Some(3),
    };
    assert!(
        ApiKeyStore::insert(
            store,
            StoredApiKey { key, hash: hash(1), hash_key_id: "hash key".to_owned() },
            1,
            now()
        )
        .await
        .unwrap()
    );
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
        redis::cmd("ZCARD").arg("{fauth:r}:revoked").query_async(&mut connection).await.unwrap()
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

/// The layout before owners had all keys of a namespace in one slot.
#[tokio::test]
async fn keys_of_an_older_version_are_named() {
    let server = Redis::start();
    let mut connection = raw(&server.url()).await;
    let mut old = redis::cmd("HSET");
    old.arg("{fauth}:generation").arg(&["id", "x", "since", "0", "seq", "0"]);
    old.exec_async(&mut connection).await.unwrap();
    let error = refused(RedisStore::builder(server.url())).await;
    assert!(error.field() == "namespace" && error.problem().contains("older version"), "{error}");
    assert!(RedisStore::builder(server.url()).namespace("new").connect().await.is_ok());
    redis::cmd("DEL").arg("{fauth}:generation").exec_async(&mut connection).await.unwrap();
    assert!(RedisStore::connect(server.url()).await.is_ok());
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
    assert_eq!(count().await, (10, 10));
    store.open(login(30), now()).await.unwrap();
    assert_eq!(count().await, (5 + 1, 5));
}
