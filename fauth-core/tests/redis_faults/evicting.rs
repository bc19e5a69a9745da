//! Servers that throw keys away when their memory is full, or that do not say whether they do.

use fauth_core::store::{RedisConnectError, RedisStoreBuilder, SessionStore as _, Verdict};
use servers::Redis;

use super::*;

/// The problem that a store sees when it connects.
async fn refusal(builder: RedisStoreBuilder) -> String {
    match builder.connect().await {
        Err(RedisConnectError::Config(error)) => {
            assert_eq!(error.field(), "maxmemory-policy");
            assert!(error.fix().contains("noeviction"), "{error}");
            error.problem().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn allowing(server: &Redis) -> RedisStoreBuilder {
    RedisStore::builder(server.url()).danger_allow_eviction()
}

async fn set_policy(server: &Redis, policy: &str) {
    let mut set = redis::cmd("CONFIG");
    set.arg(&["SET", "maxmemory-policy", policy]).exec_async(&mut raw(&server.url()).await).await.unwrap();
}

async fn cut_all_connections(server: &Redis) {
    let mut kill = redis::cmd("CLIENT");
    kill.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
    kill.exec_async(&mut raw(&server.url()).await).await.unwrap();
}

/// Also where it has memory without end: tomorrow it may not.
#[tokio::test]
async fn a_server_that_evicts_is_refused() {
    let server = Redis::start();
    for evicting in ["allkeys-lru", "volatile-ttl"] {
        set_policy(&server, evicting).await;
        let problem = refusal(RedisStore::builder(server.url())).await;
        assert!(problem.contains(evicting), "{problem}");
        assert!(allowing(&server).connect().await.is_ok());
    }
    set_policy(&server, "noeviction").await;
    assert!(RedisStore::connect(server.url()).await.is_ok());
}

/// As managed servers do, whose default is an evicting policy: `INFO` tells it.
#[tokio::test]
async fn a_server_without_config_is_asked_in_another_way() {
    let hidden = ["--rename-command", "CONFIG", "", "--maxmemory-policy"];
    let server = Redis::start_with(&[hidden.as_slice(), &["volatile-lru"]].concat());
    let problem = refusal(RedisStore::builder(server.url())).await;
    assert!(problem.contains("volatile-lru"), "{problem}");
    assert!(allowing(&server).connect().await.is_ok());
    let server = Redis::start_with(&[hidden.as_slice(), &["noeviction"]].concat());
    assert!(RedisStore::connect(server.url()).await.is_ok());
}

/// A user who may ask nothing of it.
#[tokio::test]
async fn a_server_that_does_not_tell_is_refused() {
    let server = Redis::start();
    let mut rule = redis::cmd("ACL");
    rule.arg(&["SETUSER", "guest", "on", ">secret", "~{fauth:*}:*", "+@all", "-config", "-info"]);
    rule.exec_async(&mut raw(&server.url()).await).await.unwrap();
    let url = server.url().replace("127", "guest:secret@127");
    let problem = refusal(RedisStore::builder(&url)).await;
    assert!(problem.contains("not reported"), "{problem}");
    let store = RedisStore::builder(&url).danger_allow_eviction().connect().await.unwrap();
    revoke(&store, "revoked").await;
    assert_eq!(verdict(&store, "revoked", now()).await, Some(Verdict::Revoked));
}

async fn refuses_for_the_policy(store: &RedisStore, issued_at: Timestamp) -> bool {
    let names_it = |error: StoreError| everything_of(&error).contains("maxmemory-policy");
    checked(store, ("good", 0), issued_at, now()).await.is_err_and(names_it)
}

/// As after a failover to a server that is set up in another way.
#[tokio::test]
async fn a_policy_is_asked_for_again_after_a_reconnect() {
    let server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let issued_at = now();
    set_policy(&server, "allkeys-lru").await;
    cut_all_connections(&server).await;
    for store in &stores {
        eventually("refused", async || refuses_for_the_policy(store, issued_at).await).await;
        let opened = store.open(login(1), now()).await.unwrap_err();
        assert!(everything_of(&opened).contains("allkeys-lru"), "{}", everything_of(&opened));
        assert!(store.revoke(&alice(), &[RevocationTarget::Subject], None, now(), later(DAY)).await.is_err());
    }
    set_policy(&server, "noeviction").await;
    for store in &stores {
        eventually("good again", async || verdict(store, "good", issued_at).await == Some(Verdict::Good))
            .await;
    }
}

/// Without any reconnect it is noticed at the latest after half a minute.
#[tokio::test]
async fn a_policy_that_changes_at_run_time_is_noticed() {
    let server = Redis::start();
    let stores = [direct(&server.url()).await, mirrored(&server.url()).await];
    let allowing = allowing(&server).mirror(false).connect().await.unwrap();
    let issued_at = now();
    set_policy(&server, "volatile-lru").await;
    for store in &stores {
        assert_eq!(verdict(store, "good", issued_at).await, Some(Verdict::Good), "not at every call");
    }
    tokio::time::sleep(Duration::from_secs(26)).await;
    for store in &stores {
        eventually("refused", async || refuses_for_the_policy(store, issued_at).await).await;
    }
    assert_eq!(verdict(&allowing, "good", issued_at).await, Some(Verdict::Good));
    set_policy(&server, "noeviction").await;
    for store in &stores {
        eventually("good again", async || verdict(store, "good", issued_at).await == Some(Verdict::Good))
            .await;
    }
}

/// Writes so much, with or without an end, that everything that may go has gone.
async fn fill(server: &Redis, with_end: bool, is_enough: impl AsyncFn() -> bool) {
    let mut connection = raw(&server.url()).await;
    let value = "x".repeat(4096);
    // In small steps: the client of the test waits for half a second, and a busy machine evicts
    // slowly.
    for round in 0..800 {
        let mut pipe = redis::pipe();
        for number in 0..25 {
            let set = pipe.cmd("SET").arg(format!("other {round} {number}")).arg(&value);
            if with_end {
                set.arg("EX").arg(100_000);
            }
            set.ignore();
        }
        pipe.exec_async(&mut connection).await.unwrap();
        if is_enough().await {
            // Nothing goes any more: what comes next is not thrown away at once.
            let mut roomy = redis::cmd("CONFIG");
            roomy.arg("SET").arg("maxmemory").arg(0);
            return roomy.exec_async(&mut connection).await.unwrap();
        }
    }
    panic!("nothing was evicted");
}

const REVOCATIONS: [&str; 4] =
    ["{fauth:r}:memory", "{fauth:r}:revoked", "{fauth:r}:epochs", "{fauth:r}:epoch-ends"];

async fn exist(server: &Redis, keys: &[&str]) -> usize {
    redis::cmd("EXISTS").arg(keys).query_async(&mut raw(&server.url()).await).await.unwrap()
}

/// The default of managed servers: what has an end goes first, and nothing else.
#[tokio::test]
async fn revocations_outlive_the_eviction_of_everything_with_an_end() {
    let server = Redis::start_with(&["--maxmemory", "8mb", "--maxmemory-policy", "volatile-lru"]);
    let builder = || allowing(&server).command_timeout(Duration::from_secs(1));
    let store = builder().mirror(false).connect().await.unwrap();
    let issued_at = now();
    store.open(login(1), now()).await.unwrap();
    revoke(&store, "revoked").await;
    let epoch = store.raise_epoch(&owner("bob"), now(), later(DAY)).await.unwrap();
    // `KEYS` does not count as a use of a key: one that is looked at does not go.
    let ours = async || -> Vec<String> {
        redis::cmd("KEYS").arg("{fauth:*").query_async(&mut raw(&server.url()).await).await.unwrap()
    };
    fill(&server, true, async || ours().await.iter().all(|key| REVOCATIONS.contains(&key.as_str()))).await;
    assert!(store.list(&alice(), now()).await.unwrap().is_empty());
    for store in
        [store.clone(), builder().mirror(false).connect().await.unwrap(), builder().connect().await.unwrap()]
    {
        assert_eq!(verdict(&store, "revoked", issued_at).await, Some(Verdict::Revoked));
        assert_eq!(verdict(&store, "good", issued_at).await, Some(Verdict::Good));
        assert_eq!(store.epoch(&owner("bob"), now()).await.unwrap(), epoch);
    }
}

/// Nobody looks at the revocations for a while, and so they go.
#[tokio::test]
async fn revocations_that_were_evicted_are_missed() {
    let server = Redis::start_with(&["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"]);
    let builder = || allowing(&server).command_timeout(Duration::from_secs(1));
    let store = builder().mirror(false).connect().await.unwrap();
    let issued_at = now();
    revoke(&store, "revoked").await;
    fill(&server, false, async || exist(&server, &REVOCATIONS).await < REVOCATIONS.len()).await;
    let after = [builder().mirror(false).connect().await.unwrap(), builder().connect().await.unwrap()];
    for store in [&store].into_iter().chain(&after) {
        let seen = verdict(store, "revoked", issued_at).await;
        assert!(matches!(seen, Some(Verdict::BeforeMemory | Verdict::Revoked)), "{seen:?}");
        assert_eq!(verdict(store, "good", issued_at).await, Some(Verdict::BeforeMemory));
    }
}

/// A mirror looks at them all the time; at random they go all the same.
#[tokio::test]
async fn a_mirror_writes_back_what_was_evicted() {
    let server = Redis::start_with(&["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-random"]);
    let builder = || allowing(&server).command_timeout(Duration::from_secs(1));
    let mirror = builder().max_staleness(Duration::from_millis(600)).connect().await.unwrap();
    let issued_at = now();
    revoke(&mirror, "revoked").await;
    fill(&server, false, async || exist(&server, &REVOCATIONS[1..2]).await == 0).await;
    eventually("missed", async || verdict(&mirror, "good", issued_at).await == Some(Verdict::BeforeMemory))
        .await;
    assert_eq!(verdict(&mirror, "revoked", issued_at).await, Some(Verdict::Revoked));
    let fresh = builder().mirror(false).connect().await.unwrap();
    eventually("back", async || verdict(&fresh, "revoked", later(MINUTE)).await == Some(Verdict::Revoked))
        .await;
}
