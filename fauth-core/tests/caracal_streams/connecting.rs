//! Servers, users and settings that a store of anchors or a consumer does not accept.

use fauth_core::{
    ConfigError,
    store::{MemoryAnchorStore, RedisAnchorStoreBuilder, RedisConnectError},
};

use super::*;

async fn refused(builder: RedisAnchorStoreBuilder) -> ConfigError {
    match builder.connect().await {
        Err(RedisConnectError::Config(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// What the documentation names.
const STORE: [&str; 13] = [
    "~caracal:revoked:sessions:*",
    "~fauth:caracal:revoked:sessions:*",
    "&fauth:caracal:revoked:sessions:*",
    "+@read",
    "+@write",
    "+@scripting",
    "+@pubsub",
    "+@connection",
    "-@dangerous",
    "+time",
    "+info",
    "+config|get",
    "+cluster|info",
];

/// Makes a user with these rules, and returns the URL for it.
async fn user(server: &Redis, name: &str, rules: &[&str]) -> String {
    let mut words = vec!["ACL", "SETUSER", name, "on", ">pw", "resetchannels"];
    words.extend(rules);
    ask::<()>(&mut raw(&server.url()).await, &words).await;
    server.url().replace("redis://", &format!("redis://{name}:pw@"))
}

#[tokio::test]
async fn settings_have_bounds() {
    let server = Redis::start();
    let builder = || RedisAnchorStore::builder(server.url());
    for prefix in ["a", "test:", "A-z_0.9:", &"x".repeat(128)] {
        let store = builder().prefix(prefix).connect().await.unwrap();
        assert_eq!(store.prefix(), prefix);
    }
    for prefix in ["", &"x".repeat(129), "{a}", "a b", "a*", "ä", "a\n"] {
        assert_eq!(refused(builder().prefix(prefix)).await.field(), "prefix", "{prefix}");
    }
    for bad in [ms(9), ms(60_001)] {
        assert_eq!(refused(builder().command_timeout(bad)).await.field(), "command_timeout");
    }
    for url in ["", "localhost", "http://localhost/"] {
        assert_eq!(refused(RedisAnchorStore::builder(url)).await.field(), "url", "{url}");
    }
}

#[tokio::test]
async fn another_prefix_is_another_store() {
    let server = Redis::start();
    let one = store(&server.url()).await;
    let other = RedisAnchorStore::builder(server.url()).prefix("test:").connect().await.unwrap();
    one.revoke(&["sid_1"], HOUR).await.unwrap();
    assert!(one.spend("jti_1", HOUR).await.unwrap() && other.spend("jti_1", HOUR).await.unwrap());
    assert!(!is_revoked(&other, "sid_1").await);
    assert!(!one.location().is_same_as(&other.location()));
    assert!(
        one.location().is_same_as(&store(&server.url()).await.location()) && one.location().can_be_shared()
    );
}

#[tokio::test]
async fn a_server_that_evicts_is_refused_also_later_on() {
    let server = Redis::start_with(&["--maxmemory-policy", "volatile-lru"]);
    let error = refused(RedisAnchorStore::builder(server.url())).await;
    assert_eq!(error.field(), "maxmemory-policy");
    let allowed = RedisAnchorStore::builder(server.url()).danger_allow_eviction().connect().await.unwrap();
    allowed.revoke(&["sid_1"], HOUR).await.unwrap();
    assert!(is_revoked(&allowed, "sid_1").await);

    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    assert!(!is_revoked(&store, "sid_1").await);
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]).await;
    // It is asked again after a reconnect.
    ask::<usize>(&mut redis, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    eventually("it refuses", async || match store.check("z", &["sid_1"]).await {
        Ok(_) => false,
        Err(error) => error.to_string().contains("`volatile-ttl`"),
    })
    .await;
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    eventually("it is mended", async || store.check("z", &["sid_1"]).await.is_ok()).await;
}

/// A replica answers, and may have missed what others have revoked.
#[tokio::test]
async fn a_node_that_is_no_master_is_not_believed() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    assert!(!is_revoked(&store, "sid_1").await);
    let nobody = servers::free_port().to_string();
    ask::<()>(&mut redis, &["REPLICAOF", "127.0.0.1", &nobody]).await;
    assert!(store.check("zone_prod", &["sid_1"]).await.is_err());
    assert!(store.revoke(&["sid_1"], HOUR).await.is_err());
    assert!(store.spend("jti_1", HOUR).await.is_err());
    ask::<()>(&mut redis, &["REPLICAOF", "NO", "ONE"]).await;
    eventually("it is a master again", async || store.check("zone_prod", &["sid_1"]).await.is_ok()).await;
    assert!(!is_revoked(&store, "sid_1").await && store.spend("jti_1", HOUR).await.unwrap());
}

/// What takes something back finds room; what would keep something new does not.
#[tokio::test]
async fn a_server_whose_memory_is_full_still_revokes() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    add(&mut redis, REVOKE, &[("poison", "")]).await;
    add_revocation(&mut redis, "sid_2").await;
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    store.revoke(&["sid_1"], HOUR).await.unwrap();
    assert_eq!(store.raise_epoch("zone_prod", 3, HOUR).await.unwrap(), 3);
    assert!(is_revoked(&store, "sid_1").await && epoch(&store, "zone_prod").await == 3);
    let error = store.spend("jti_1", HOUR).await.unwrap_err().to_string();
    assert!(error.contains("OOM"), "{error}");
    // A group is something new too.
    let mut consumer = revoker(&store).build().unwrap();
    assert!(consumer.poll().await.unwrap_err().to_string().contains("NOGROUP"));
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0"]).await;
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(consumer.poll().await.unwrap_err().to_string().contains("OOM"), "no dead letter");
    assert!(is_revoked(&store, "sid_2").await, "a revocation is carried out");
    assert_eq!(pending(&mut redis, REVOKE, REVOKERS).await, 1);
    ask::<()>(&mut redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    eventually("there is room", async || {
        let _ = consumer.poll().await;
        pending(&mut redis, REVOKE, REVOKERS).await == 0
    })
    .await;
    assert_eq!(dead_letters(&mut redis, REVOKE).await.len(), 1);
}

#[tokio::test]
async fn a_user_with_the_documented_permissions_suffices() {
    let server = Redis::start();
    let url = user(&server, "anchors", &STORE).await;
    let store = RedisAnchorStore::connect(&url).await.unwrap();
    store.revoke(&["sid_1"], HOUR).await.unwrap();
    assert!(is_revoked(&store, "sid_1").await && store.spend("jti_1", HOUR).await.unwrap());
    assert_eq!(store.raise_epoch("zone_prod", 3, HOUR).await.unwrap(), 3);
    let mut changes = store.changes().unwrap();
    assert!(changes.next().await.is_some(), "it may subscribe");

    let mut rules = STORE.to_vec();
    rules.extend(["~caracal.sessions.revoke*", "~caracal.delegations.invalidate*", "+@stream"]);
    let url = user(&server, "consumer", &rules).await;
    let store = RedisAnchorStore::connect(&url).await.unwrap();
    let mut redis = raw(&server.url()).await;
    add_revocation(&mut redis, "sid_2").await;
    add(&mut redis, REVOKE, &[("poison", "")]).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 2);
    assert!(is_revoked(&store, "sid_2").await);
    let consumer = revoker(&store).build().unwrap().spawn();
    tokio::time::sleep(ms(200)).await;
    consumer.shutdown().await;
    let consumers: Vec<redis::Value> = ask(&mut redis, &["XINFO", "CONSUMERS", REVOKE, REVOKERS]).await;
    assert_eq!(consumers.len(), 1, "it could leave");
}

/// The others would hear nothing of a revocation, and nobody would know.
#[tokio::test]
async fn a_user_who_may_not_publish_is_refused() {
    let server = Redis::start();
    let rules: Vec<_> = STORE.into_iter().filter(|rule| !rule.starts_with('&')).collect();
    let error = refused(RedisAnchorStore::builder(user(&server, "mute", &rules).await)).await;
    assert!(error.to_string().contains("&fauth:caracal:revoked:sessions:changes"), "{error}");
}

#[tokio::test]
async fn no_error_tells_the_password() {
    for url in [
        format!("redis://:pAsswOrd@127.0.0.1:{}/", servers::free_port()),
        "redis://:pAsswOrd@127.0.0.1:port/".to_owned(),
    ] {
        let builder = RedisAnchorStore::builder(&url).command_timeout(ms(300));
        assert!(!format!("{builder:?}").contains("pAsswOrd"));
        let error = builder.connect().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("pAsswOrd"), "{error}");
    }
}

#[tokio::test]
async fn a_consumer_needs_a_key_or_says_that_it_has_none() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    let of = |consumer: StreamConsumerBuilder| consumer.build().unwrap_err();
    let error = of(store.revocation_consumer());
    assert_eq!(error.field(), "signing_key");
    let text = error.to_string();
    assert!(text.contains("STREAMS_HMAC_KEY") && text.contains("danger_unsigned()"), "{text}");
    assert_eq!(of(store.delegation_consumer().signing_key(key()).danger_unsigned()).field(), "signing_key");
    assert!(store.delegation_consumer().danger_unsigned().build().is_ok());
    assert!(!format!("{:?}", store.revocation_consumer().signing_key(key())).contains('7'));
}

#[tokio::test]
async fn settings_of_a_consumer_have_bounds() {
    let server = Redis::start();
    let store = store(&server.url()).await;
    let new = || store.revocation_consumer().signing_key(key());
    for (field, bad, good) in [
        ("batch_size", new().batch_size(0), new().batch_size(1)),
        ("batch_size", new().batch_size(1001), new().batch_size(1000)),
        ("wait", new().wait(Duration::ZERO), new().wait(ms(10))),
        ("wait", new().wait(ms(60_001)), new().wait(ms(60_000))),
        ("pending_idle", new().pending_idle(ms(9)), new().pending_idle(ms(10))),
        ("pending_idle", new().pending_idle(HOUR + ms(1)), new().pending_idle(HOUR)),
        ("dead_letters", new().dead_letters(0), new().dead_letters(1)),
        ("dead_letters", new().dead_letters(1_000_001), new().dead_letters(1_000_000)),
        ("lasting", new().lasting(Duration::ZERO), new().lasting(ms(1))),
        ("stream", new().stream(""), new().stream("a")),
        ("stream", new().stream("a\nb"), new().stream("a.b:c")),
        ("group", new().group("a b"), new().group("ä")),
        ("consumer", new().consumer("x".repeat(257)), new().consumer("x".repeat(256))),
    ] {
        assert_eq!(bad.build().unwrap_err().field(), field);
        assert!(good.build().is_ok(), "{field}");
    }
}

/// Redis delivers an entry to one consumer of a group: the others of it would never hear of what
/// went into a store that is not theirs.
#[tokio::test]
async fn a_store_of_its_own_needs_a_group_of_its_own() {
    let server = Redis::start();
    let shared = store(&server.url()).await;
    let own = RedisAnchorStore::builder(server.url()).prefix("own:").connect().await.unwrap();
    let again = store(&server.url()).await;
    for (new, group) in [
        (RedisAnchorStore::revocation_consumer as fn(&RedisAnchorStore) -> _, REVOKERS),
        (RedisAnchorStore::delegation_consumer, INVALIDATORS),
    ] {
        let of = |store| -> StreamConsumerBuilder { new(store).signing_key(key()) };
        // Another application's keys on the same server.
        assert_eq!(of(&own).build().unwrap_err().field(), "group");
        assert!(of(&own).group("own").build().is_ok() && of(&own).group(group).build().is_ok());
        let new = || of(&shared);
        let error = new().anchors(own.clone()).build().unwrap_err();
        assert_eq!(error.field(), "group");
        assert!(error.to_string().contains("`group(…)`"), "{error}");
        assert!(new().anchors(own.clone()).group("own").build().is_ok());
        assert!(new().anchors(again.clone()).build().is_ok(), "it is the same place");
        // Whoever names the group says that the store is that of the group.
        assert!(new().anchors(own.clone()).group(group).build().is_ok());
        // The memory of this process is never what the others write to.
        let memory = MemoryAnchorStore::new();
        assert_eq!(new().anchors(memory.clone()).build().unwrap_err().field(), "group");
        assert_eq!(new().anchors(memory.clone()).group(group).build().unwrap_err().field(), "group");
        assert!(new().anchors(memory).group("own").build().is_ok());
    }
}
