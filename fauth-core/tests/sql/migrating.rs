//! Tables: made once, by one, under their own names.

use fauth_core::store::{
    PayloadChange, PayloadOutcome, PostgresStore, RevocationStore, RevocationTarget, SessionStore,
    SqlDialect, SqlStore, SqliteStore, StoreError, ThrottleKey, ThrottleKind, ThrottleStore as _, TokenFacts,
    Verdict,
};
use fauth_testing::ManualClock;

use crate::support::{START, Sqlite, at, new_session, own_prefix, owner, postgres, session_id};

fn cause(error: &StoreError) -> String {
    error.cause().to_string()
}

async fn all_at_once<D: SqlDialect>(make: impl Fn() -> SqlStore<D>) {
    let store = make();
    let error = store.list(&owner("alice"), START).await.unwrap_err();
    assert!(cause(&error).contains("call migrate() first"), "{error:?}");
    let error = store.open(new_session(1, "alice", 1, 1), START).await.unwrap_err();
    assert!(cause(&error).contains("call migrate() first"), "{error:?}");

    let runs: Vec<_> = (0..8)
        .map(|_| {
            let store = make();
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    store.open(new_session(1, "alice", 1, 1), START).await.unwrap();
    store.migrate().await.unwrap();
    let [session] = store.list(&owner("alice"), START).await.unwrap().try_into().unwrap();
    assert_eq!(
        session,
        new_session(1, "alice", 1, 1).session,
        "everything is kept, and migrating again loses nothing"
    );

    store.open(new_session(1, "bob", 1, 1), START).await.unwrap();
    let error = store.open(new_session(1, "alice", 1, 1), START).await.unwrap_err();
    let shown = format!("{error:?} {}", cause(&error));
    assert!(shown.contains("refused with code"), "{shown}");
    assert!(!shown.contains(session_id(1).as_str()), "ids stay out of logs: {shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_migrates_once() {
    let database = Sqlite::start("migrate").await;
    all_at_once(|| SqliteStore::new(database.pool.clone()).clock(ManualClock::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_migrates_once() {
    let pool = postgres().await;
    let prefix = own_prefix("migrate");
    all_at_once(|| PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new()))
        .await;
}

#[tokio::test]
async fn a_prefix_is_a_name_of_thirty_bytes_at_most() {
    let database = Sqlite::start("prefix").await;
    let with = |prefix: &str| SqliteStore::with_prefix(database.pool.clone(), prefix);
    for good in ["a", "_", "fauth_", "a1_", &"x".repeat(30)] {
        let store = with(good).unwrap();
        store.migrate().await.unwrap();
        assert_eq!(store.list(&owner("alice"), START).await.unwrap(), []);
    }
    for bad in
        ["", "1a", "A", "ä", "a-b", "a b", "a;drop table x", "a\"", "a'", "a.b", "a{p}", &"x".repeat(31)]
    {
        assert_eq!(with(bad).unwrap_err().field(), "prefix", "{bad}");
    }
}

#[tokio::test]
async fn prefixes_keep_stores_apart() {
    let database = Sqlite::start("apart").await;
    let (one, two) =
        (database.store().await, SqliteStore::with_prefix(database.pool.clone(), "two_").unwrap());
    two.migrate().await.unwrap();
    one.open(new_session(1, "alice", 1, 1), START).await.unwrap();
    assert_eq!(one.list(&owner("alice"), START).await.unwrap().len(), 1);
    assert_eq!(two.list(&owner("alice"), START).await.unwrap().len(), 0);
}

/// Version 3 had no payloads.
async fn gains_payloads<D: SqlDialect>(store: &SqlStore<D>, run: impl AsyncFn(&str)) {
    store.migrate().await.unwrap();
    store.open(new_session(1, "alice", 1, 1), START).await.unwrap();
    run("ALTER TABLE {p}sessions DROP COLUMN payload").await;
    run("DROP TABLE {p}throttles").await;
    run("UPDATE {p}schema SET version = 3").await;
    store.load(&owner("alice"), &session_id(1), START).await.unwrap_err();
    store.migrate().await.unwrap();
    // Nor records of failed logins.
    let key = ThrottleKey::new(ThrottleKind::Account, [7; 32]);
    assert_eq!(store.counter(&key, START).await.unwrap(), None);
    let loaded = async || store.load(&owner("alice"), &session_id(1), START).await.unwrap().unwrap();
    let before = loaded().await;
    assert_eq!((before.session, before.payload), (new_session(1, "alice", 1, 1).session, None));
    let change = PayloadChange { before: None, after: Some("7".into()) };
    let outcome = store.change_payload(&owner("alice"), &session_id(1), &change, START).await.unwrap();
    assert_eq!(outcome, PayloadOutcome::Changed);
    assert_eq!(loaded().await.payload.as_deref(), Some("7"));
}

#[tokio::test]
async fn sqlite_adds_payloads_to_the_tables_of_before() {
    let database = Sqlite::start("payloads").await;
    let store = SqliteStore::new(database.pool.clone()).clock(ManualClock::new());
    let run = async |sql: &str| {
        sqlx::query(&sql.replace("{p}", "fauth_")).execute(&database.pool).await.unwrap();
    };
    gains_payloads(&store, run).await;
}

#[tokio::test]
async fn postgres_adds_payloads_to_the_tables_of_before() {
    let (pool, prefix) = (postgres().await, own_prefix("payloads"));
    let store = PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    let run = async |sql: &str| {
        sqlx::query(&sql.replace("{p}", &prefix)).execute(&pool).await.unwrap();
    };
    gains_payloads(&store, run).await;
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused() {
    let database = Sqlite::start("newer").await;
    let store = database.store().await;
    sqlx::query("UPDATE fauth_schema SET version = 1000").execute(&database.pool).await.unwrap();
    assert!(cause(&store.migrate().await.unwrap_err()).contains("upgrade fauth"));
}

/// Versions 1 and 2 had these tables too; the first found sessions by their id alone.
const EARLIER: [&str; 3] = [
    "CREATE TABLE {p}schema (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, \
     since BIGINT NOT NULL, forgotten BIGINT NOT NULL)",
    "INSERT INTO {p}schema VALUES (1, {version}, 0, 0)",
    "CREATE TABLE {p}sessions (id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL)",
];

async fn is_refused_by_name<D: SqlDialect>(store: SqlStore<D>, prefix: &str, version: &str) {
    let error = cause(&store.migrate().await.unwrap_err());
    let expected = format!(
        "the tables with prefix `{prefix}` have an old layout (schema {version}) that cannot be migrated; \
         drop them or choose another prefix"
    );
    assert_eq!(error, expected);
    store.list(&owner("alice"), START).await.unwrap_err();
}

#[tokio::test]
async fn sqlite_names_tables_of_an_earlier_layout() {
    let database = Sqlite::start("earlier").await;
    for version in ["1", "2"] {
        let prefix = format!("layout_{version}_");
        for sql in EARLIER {
            let sql = sql.replace("{p}", &prefix).replace("{version}", version);
            sqlx::query(&sql).execute(&database.pool).await.unwrap();
        }
        let store = SqliteStore::with_prefix(database.pool.clone(), &prefix).unwrap();
        is_refused_by_name(store, &prefix, version).await;
    }
    SqliteStore::with_prefix(database.pool.clone(), "other_").unwrap().migrate().await.unwrap();
}

#[tokio::test]
async fn postgres_names_tables_of_an_earlier_layout() {
    let (pool, prefix) = (postgres().await, own_prefix("earlier"));
    for sql in EARLIER {
        let sql = sql.replace("{p}", &prefix).replace("{version}", "2");
        sqlx::query(&sql).execute(&pool).await.unwrap();
    }
    is_refused_by_name(PostgresStore::with_prefix(pool.clone(), &prefix).unwrap(), &prefix, "2").await;
    PostgresStore::with_prefix(pool, &own_prefix("other")).unwrap().migrate().await.unwrap();
}

#[tokio::test]
async fn a_clock_that_cannot_tell_the_time_makes_no_tables() {
    let database = Sqlite::start("clock").await;
    let clock = ManualClock::new();
    let store = SqliteStore::new(database.pool.clone()).clock(clock.clone());
    clock.break_down();
    store.migrate().await.unwrap_err();
    assert!(cause(&store.list(&owner("alice"), START).await.unwrap_err()).contains("call migrate() first"));
}

#[tokio::test]
async fn a_store_judges_nothing_from_before_its_first_migration() {
    let database = Sqlite::start("memory").await;
    let store = database.store().await;
    let clock = ManualClock::new();
    clock.set(at(1000));
    // Migrating again, later, forgets nothing.
    store.clone().clock(clock).migrate().await.unwrap();
    let judge = async |issued_at| {
        let targets = &[RevocationTarget::Subject];
        let token = TokenFacts { owner: owner("alice"), targets, epoch: 0, issued_at };
        store.check(&token, at(2000)).await.unwrap()
    };
    assert_eq!(judge(START).await, Verdict::Good);
    assert_eq!(
        judge(fauth_core::clock::Timestamp::from_unix_seconds(START.unix_seconds() - 1)).await,
        Verdict::BeforeMemory
    );
}

#[tokio::test]
async fn a_damaged_row_is_an_error() {
    let database = Sqlite::start("damaged").await;
    let store = database.store().await;
    store.open(new_session(1, "alice", 1, 1), START).await.unwrap();
    assert_eq!(store.list(&owner("alice"), START).await.unwrap().len(), 1);
    for change in ["address = 'nowhere'", "idle_timeout = -1", "id = 'short'"] {
        let sql = format!("UPDATE fauth_sessions SET {change}");
        sqlx::query(&sql).execute(&database.pool).await.unwrap();
        let error = store.list(&owner("alice"), START).await.unwrap_err();
        assert!(cause(&error).contains("was not written by fauth"));
    }
}
