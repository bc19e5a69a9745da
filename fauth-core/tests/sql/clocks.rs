//! One of several instances has a clock that is wrong: the others go on as before.

use std::time::Duration;

use fauth_core::{
    Purpose,
    clock::{Clock as _, SystemClock, Timestamp},
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, NewSession, OneTimeStore, RevocationStore, RevocationTarget,
        SessionStore, SqlDialect, SqlStore, StoredApiKey, Verdict,
    },
};
use fauth_testing::ManualClock;

use crate::support::{
    START, Sqlite, at, hash, judge, magic_link, new_session, own_prefix, owner, postgres, postgres_store,
    session_id,
};

fn later(time: Timestamp, seconds: u64) -> Timestamp {
    time.checked_add(Duration::from_secs(seconds)).unwrap()
}

fn opened(id: u128, now: Timestamp, ends_at: Timestamp) -> NewSession {
    let mut new = new_session(id, "alice", 0, 10);
    (new.session.created_at, new.session.last_seen_at, new.session.expires_at) = (now, now, ends_at);
    new
}

fn api_key(number: u64, now: Timestamp, expires_at: Timestamp) -> StoredApiKey {
    let key = ApiKey {
        id: ApiKeyId::new(&owner("alice"), u128::from(number).to_be_bytes()),
        owner: owner("alice").into_owned(),
        name: "build".to_owned(),
        scopes: vec![],
        created_at: now,
        expires_at,
        last_used_at: None,
        user_epoch: Some(3),
    };
    StoredApiKey { key, hash: hash(number), hash_key_id: "hash key".to_owned() }
}

/// One of everything, by an instance whose clock shows `now`.
async fn write_all<D: SqlDialect>(store: &SqlStore<D>, number: u64, now: Timestamp, until: Timestamp) {
    let (stolen, user) = (format!("stolen {number}"), format!("user {number}"));
    store.revoke(&owner("bob"), &[RevocationTarget::TokenId(&stolen)], None, now, until).await.unwrap();
    store.raise_epoch(&owner(&user), now, until).await.unwrap();
    store.open(opened(number.into(), now, until), now).await.unwrap();
    OneTimeStore::insert(store, magic_link("alice", number, until), 10, now).await.unwrap();
    assert!(ApiKeyStore::insert(store, api_key(number, now, until), 10, now).await.unwrap());
}

/// The real time, which is that of the database.
async fn one_is_ahead<D: SqlDialect>(store: SqlStore<D>) {
    let now = SystemClock.now().unwrap();
    let until = later(now, 300);
    write_all(&store, 1, now, until).await;
    let ahead = later(now, 300 + 2 * 3600);
    write_all(&store, 2, ahead, later(ahead, 300)).await;

    assert_eq!(judge(&store, "stolen 1", "bob", now, now).await, Verdict::Revoked);
    assert_eq!(judge(&store, "other", "user 1", now, now).await, Verdict::OldEpoch);
    // No new memory begins: all sessions go on.
    assert_eq!(judge(&store, "other", "bob", START, now).await, Verdict::Good);
    assert_eq!(judge(&store, "other", "bob", START, now).await, Verdict::Good);
    let sessions = SessionStore::list(&store, &owner("alice"), now).await.unwrap();
    assert!(sessions.iter().any(|session| session.id == session_id(1)));
    assert!(ApiKeyStore::find(&store, &api_key(1, now, until).key.id, now).await.unwrap().is_some());
    assert!(store.redeem(&owner("alice"), &hash(1), Purpose::MagicLink, now).await.unwrap().is_some());
}

#[tokio::test]
async fn sqlite_forgets_nothing_for_a_clock_that_is_ahead() {
    let database = Sqlite::start("ahead").await;
    one_is_ahead(database.store().await).await;
}

#[tokio::test]
async fn postgres_forgets_nothing_for_a_clock_that_is_ahead() {
    one_is_ahead(postgres_store("ahead").await).await;
}

/// A row is swept once its time is over by both clocks: one that was due an hour ago by the
/// database's clock is, one that is due two minutes later is not.
async fn both_clocks_agree<D: SqlDialect>(store: SqlStore<D>) {
    let now = SystemClock.now().unwrap();
    let hour_ago = Timestamp::from_unix_seconds(now.unix_seconds() - 3600);
    OneTimeStore::insert(&store, magic_link("alice", 1, hour_ago), 10, START).await.unwrap();
    // Long enough for a slow machine.
    OneTimeStore::insert(&store, magic_link("alice", 2, later(hour_ago, 120)), 10, START).await.unwrap();
    OneTimeStore::insert(&store, magic_link("alice", 3, later(now, 100_000)), 10, later(now, 100_000))
        .await
        .unwrap();
    assert_eq!(store.redeem(&owner("alice"), &hash(1), Purpose::MagicLink, START).await.unwrap(), None);
    assert!(store.redeem(&owner("alice"), &hash(2), Purpose::MagicLink, START).await.unwrap().is_some());
}

#[tokio::test]
async fn sqlite_forgets_an_hour_late_by_its_own_clock() {
    let database = Sqlite::start("agree").await;
    both_clocks_agree(database.store().await).await;
}

#[tokio::test]
async fn postgres_forgets_an_hour_late_by_its_own_clock() {
    both_clocks_agree(postgres_store("agree").await).await;
}

/// What it was told to remember no longer, it judges no more; the others still do.
async fn one_is_behind<D: SqlDialect>(store: SqlStore<D>) {
    let judge = async |issued_at, now| judge(&store, "other", "bob", issued_at, now).await;
    store.revoke(&owner("bob"), &[RevocationTarget::TokenId("stolen")], None, START, at(1000)).await.unwrap();
    store
        .revoke(&owner("bob"), &[RevocationTarget::TokenId("another")], None, at(9000), at(10_000))
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(judge(START, at(500)).await, Verdict::BeforeMemory, "behind what was forgotten");
        assert_eq!(judge(at(500), at(500)).await, Verdict::Good);
        assert_eq!(judge(START, at(9000)).await, Verdict::Good, "as before");
    }
}

#[tokio::test]
async fn sqlite_begins_no_new_memory_for_a_clock_that_is_behind() {
    let database = Sqlite::start("behind").await;
    one_is_behind(database.store().await).await;
}

#[tokio::test]
async fn postgres_begins_no_new_memory_for_a_clock_that_is_behind() {
    one_is_behind(postgres_store("behind").await).await;
}

/// The database's clock has gone back behind what was forgotten: a new memory begins, once, for
/// all.
async fn all_are_behind<D: SqlDialect>(store: SqlStore<D>) {
    let judge = async |issued_at, now| judge(&store, "other", "bob", issued_at, now).await;
    assert_eq!(judge(START, at(500)).await, Verdict::BeforeMemory);
    assert_eq!(judge(START, at(9000)).await, Verdict::BeforeMemory);
    assert_eq!(judge(at(500), at(501)).await, Verdict::Good, "a new login works, and goes on working");
}

/// Notes that revocations were forgotten up to a time that the database's clock has not reached.
fn forgotten_in_the_future(prefix: &str) -> String {
    let future = later(SystemClock.now().unwrap(), 100_000).unix_seconds();
    format!("UPDATE {prefix}schema SET forgotten = {future}")
}

#[tokio::test]
async fn sqlite_begins_a_new_memory_when_its_clock_goes_back() {
    let database = Sqlite::start("anew").await;
    let store = database.store().await;
    sqlx::query(&forgotten_in_the_future("fauth_")).execute(&database.pool).await.unwrap();
    all_are_behind(store).await;
}

#[tokio::test]
async fn postgres_begins_a_new_memory_when_its_clock_goes_back() {
    let (pool, prefix) = (postgres().await, own_prefix("anew"));
    let store = SqlStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    sqlx::query(&forgotten_in_the_future(&prefix)).execute(&pool).await.unwrap();
    all_are_behind(store).await;
}
