//! What is left in the tables of an owner who was forgotten.

use fauth_core::store::{
    ApiKey, ApiKeyId, ApiKeyStore, OneTimeStore, PostgresStore, RevocationStore, RevocationTarget,
    SessionStore, SqlDialect, SqlStore, SqliteStore, StoredApiKey,
};
use fauth_testing::ManualClock;
use sqlx::Row as _;

use crate::support::{
    START, Sqlite, at, hash, magic_link, new_session, own_prefix, owner, postgres, session_id,
};

const TABLES: [&str; 5] = ["sessions", "revocations", "epochs", "one_times", "api_keys"];

fn key(subject: &str, number: u8, expires_at: u64) -> StoredApiKey {
    let owner = owner(subject).into_owned();
    let key = ApiKey {
        id: ApiKeyId::new(&owner, [number; 16]),
        owner,
        name: "deploy".to_owned(),
        scopes: vec![],
        created_at: START,
        expires_at: at(expires_at),
        last_used_at: None,
        user_epoch: None,
    };
    StoredApiKey { key, hash: hash(u64::from(number)), hash_key_id: "k".to_owned() }
}

async fn fill<D: SqlDialect>(store: &SqlStore<D>, subject: &str, number: u8) {
    let owner = owner(subject);
    let id = u128::from(number);
    store.open(new_session(id, subject, 1, 5), START).await.unwrap();
    store.open(new_session(id + 1, subject, 1, 5), START).await.unwrap();
    store.end(&owner, &session_id(id), START).await.unwrap();
    let targets = [RevocationTarget::TokenId("t"), RevocationTarget::Session("s")];
    store.revoke(&owner, &targets, None, START, at(900)).await.unwrap();
    store.revoke(&owner, &[RevocationTarget::TokenId("long")], None, START, at(9000)).await.unwrap();
    OneTimeStore::insert(store, magic_link(subject, u64::from(number), at(600)), 5, START).await.unwrap();
    for (number, expires_at) in [(number, 900), (number + 1, 1)] {
        ApiKeyStore::insert(store, key(subject, number, expires_at), 9, START).await.unwrap();
    }
}

async fn forget<D: SqlDialect>(store: &SqlStore<D>, subject: &str) {
    let owner = owner(subject);
    RevocationStore::forget(store, &owner, START, at(1800)).await.unwrap();
    assert_eq!(SessionStore::forget(store, &owner, START).await.unwrap().len(), 1);
    store.withdraw(&owner, None, START).await.unwrap();
    // An expired key is not listed, and goes too.
    ApiKeyStore::forget(store, &owner, at(2)).await.unwrap();
}

/// How many rows a subject has in each table: what is forgotten, and what outlasts that.
const FILLED: [i64; 5] = [2, 3, 0, 1, 2];
const FORGOTTEN: [i64; 5] = [0, 1, 1, 0, 0];

#[tokio::test]
async fn sqlite_keeps_only_what_still_protects() {
    let database = Sqlite::start("forgetting").await;
    let store: SqliteStore = database.store().await;
    let count = async |subject: &str| {
        let mut counts = [0; 5];
        for (count, table) in counts.iter_mut().zip(TABLES) {
            let sql = format!("SELECT COUNT(*) FROM fauth_{table} WHERE subject = '{subject}'");
            *count = sqlx::query(&sql).fetch_one(&database.pool).await.unwrap().get::<i64, _>(0);
        }
        counts
    };
    fill(&store, "alice", 1).await;
    fill(&store, "bob", 11).await;
    assert_eq!((count("alice").await, count("bob").await), (FILLED, FILLED));
    forget(&store, "alice").await;
    assert_eq!((count("alice").await, count("bob").await), (FORGOTTEN, FILLED));
}

#[tokio::test]
async fn postgres_keeps_only_what_still_protects() {
    let (pool, prefix) = (postgres().await, own_prefix("forgetting"));
    let store = PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    let count = async |subject: &str| {
        let mut counts = [0; 5];
        for (count, table) in counts.iter_mut().zip(TABLES) {
            let sql = format!("SELECT COUNT(*) FROM {prefix}{table} WHERE subject = '{subject}'");
            *count = sqlx::query(&sql).fetch_one(&pool).await.unwrap().get::<i64, _>(0);
        }
        counts
    };
    fill(&store, "alice", 1).await;
    fill(&store, "bob", 11).await;
    assert_eq!((count("alice").await, count("bob").await), (FILLED, FILLED));
    forget(&store, "alice").await;
    assert_eq!((count("alice").await, count("bob").await), (FORGOTTEN, FILLED));
}
