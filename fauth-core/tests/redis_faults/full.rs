//! The memory of Redis is full, and it evicts nothing.

use fauth_core::{
    Purpose,
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, OneTimeRecord, OneTimeStore, RotationOutcome, SessionStore,
        StoredApiKey, Verdict,
    },
};
use servers::Redis;

use super::*;

async fn used_memory(server: &Redis) -> u64 {
    let mut info = redis::cmd("INFO");
    let info: String = info.arg("memory").query_async(&mut raw(&server.url()).await).await.unwrap();
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap()
}

fn somebody(number: u32) -> Owner<'static> {
    Owner::new("default", "", format!("somebody {number}"))
}

fn link(number: u32) -> OneTimeRecord {
    let purpose = Purpose::PasswordReset;
    OneTimeRecord { hash: hash(number.into()), owner: somebody(number), purpose, expires_at: later(DAY) }
}

fn api_key(owner: Owner<'static>, number: u8) -> StoredApiKey {
    let key = ApiKey {
        id: ApiKeyId::new(&owner, [number; 16]),
        owner,
        name: "a key".to_owned(),
        scopes: Vec::new(),
        created_at: now(),
        expires_at: later(DAY),
        last_used_at: None,
        user_epoch: None,
    };
    StoredApiKey { key, hash: hash(0), hash_key_id: "hash key".to_owned() }
}

fn login_of(number: u32) -> NewSession {
    let mut new = login(number);
    new.session.owner = somebody(number);
    new
}

/// Opens sessions until none is taken any more. Returns how many there are.
async fn fill(store: &RedisStore) -> u32 {
    for number in 0..100_000 {
        if store.open(login_of(number), now()).await.is_err() {
            return number;
        }
    }
    panic!("never full");
}

/// Tries everything that would keep something new: nothing of it is taken, and nothing grows.
async fn takes_nothing(store: &RedisStore, server: &Redis) {
    let before = used_memory(server).await;
    for number in 0..300 {
        let (n, name) = (200_000 + number, number.into());
        assert!(store.open(login_of(n), now()).await.is_err());
        assert!(store.rotate(&alice(), &exchange(1, name, name + 1), now()).await.is_err());
        assert!(OneTimeStore::insert(store, link(n), 9, now()).await.is_err());
        assert!(ApiKeyStore::insert(store, api_key(somebody(n), 1), 9, now()).await.is_err());
        assert!(store.touch(&alice(), &ApiKeyId::new(&alice(), [1; 16]), now()).await.is_err());
    }
    let grown = used_memory(server).await.saturating_sub(before);
    // Buffers of connections come and go.
    assert!(grown < 100_000, "{before} and {grown}");
}

async fn takes_back(store: &RedisStore) {
    let owner = alice();
    assert!(store.end(&owner, &sid(1), now()).await.unwrap().is_some());
    assert_eq!(ids(&store.end_all(&owner, None, now()).await.unwrap()), [sid(2)]);
    assert_eq!(SessionStore::list(store, &owner, now()).await.unwrap(), []);
    assert!(store.redeem(&somebody(1), &hash(1), Purpose::PasswordReset, now()).await.unwrap().is_some());
    assert_eq!(store.withdraw(&somebody(2), None, now()).await.unwrap(), 1);
    assert!(store.remove(&owner, &ApiKeyId::new(&owner, [1; 16])).await.unwrap());
    for number in 0..100 {
        revoke(store, &format!("token {number}")).await;
    }
    let epoch = store.raise_epoch(&owner, now(), later(DAY)).await.unwrap();
    assert_eq!(store.epoch(&owner, now()).await.unwrap(), epoch);
    assert_eq!(verdict(store, "token 99", now()).await, Some(Verdict::Revoked));
}

#[tokio::test]
async fn what_would_be_new_is_refused_and_what_ends_goes_on() {
    let server = Redis::start_with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = RedisStore::builder(server.url()).mirror(false).connect().await.unwrap();
    for number in 1..=2 {
        store.open(login(number), now()).await.unwrap();
        OneTimeStore::insert(&store, link(number), 9, now()).await.unwrap();
    }
    assert!(ApiKeyStore::insert(&store, api_key(alice(), 1), 9, now()).await.unwrap());
    let count = fill(&store).await;
    let used = used_memory(&server).await;
    println!("{count} sessions, {used} bytes");
    assert!(count > 500 && used < 4_500_000, "{count} {used}");
    takes_nothing(&store, &server).await;
    let mirror = mirrored(&server.url()).await;
    takes_back(&store).await;
    eventually("heard", async || verdict(&mirror, "token 99", now()).await == Some(Verdict::Revoked)).await;
    // With memory it goes on as if nothing had happened.
    let mut more = redis::cmd("CONFIG");
    more.arg(&["SET", "maxmemory", "64mb"]).exec_async(&mut raw(&server.url()).await).await.unwrap();
    let outcome = store.rotate(&somebody(3), &exchange(3, 0, 1), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    store.open(login(3), now()).await.unwrap();
}

/// Redis does not know the scripts yet, and has to load them when its memory is full already.
#[tokio::test]
async fn a_store_that_starts_when_it_is_full_revokes() {
    let server = Redis::start_with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    fill(&RedisStore::builder(server.url()).mirror(false).connect().await.unwrap()).await;
    redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut raw(&server.url()).await).await.unwrap();
    let store = mirrored(&server.url()).await;
    revoke(&store, "revoked").await;
    assert_eq!(verdict(&store, "revoked", now()).await, Some(Verdict::Revoked));
    assert!(store.end(&somebody(0), &sid(0), now()).await.unwrap().is_some());
    assert!(store.open(login(1), now()).await.is_err());
}
