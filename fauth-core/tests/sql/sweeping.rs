//! What is past its time leaves, a hundred rows at a time, and a clock that goes back brings
//! nothing back.

use fauth_core::{
    Purpose,
    store::{
        OneTimeStore, RevocationStore, RevocationTarget, RotationOutcome, SessionStore, SqlDialect, SqlStore,
        Verdict,
    },
};

use crate::support::{
    START, Sqlite, at, hash, judge, magic_link, new_session, owner, postgres_store, rotation,
};

const HOUR: u64 = 3600;

#[tokio::test]
async fn a_write_sweeps_a_hundred_rows_an_hour_after_their_time() {
    let database = Sqlite::start("sweep").await;
    let store = database.store().await;
    for number in 0..150 {
        store.open(new_session(number, "alice", 0, 1000), START).await.unwrap();
    }
    let count = async || {
        let row: (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM fauth_sessions").fetch_one(&database.pool).await.unwrap();
        row.0
    };
    // They end at 3600, when their idle timeout is over, and not only at 7200, which is the
    // latest.
    let open = async |number, now| {
        let mut new = new_session(number, "bob", 0, 1000);
        (new.session.last_seen_at, new.session.expires_at) = (now, at(1_000_000));
        store.open(new, now).await.unwrap();
    };
    store.end_all(&owner("alice"), Some(&new_session(0, "alice", 0, 1).session.id), START).await.unwrap();
    open(1001, at(3600 + HOUR - 1)).await;
    assert_eq!(count().await, 151, "one second before the hour is over, all are still known");
    let unchanged =
        async |number| store.rotate(&owner("alice"), &rotation(number, 0, 1), at(3599 + HOUR)).await.unwrap();
    assert_eq!(unchanged(0).await, RotationOutcome::Expired);
    assert!(matches!(unchanged(1).await, RotationOutcome::Ended { .. }));
    store.open(new_session(1, "alice", 0, 1), at(3599 + HOUR)).await.unwrap_err();
    open(1002, at(3600 + HOUR)).await;
    assert_eq!(count().await, 52, "then a hundred go");
    open(1003, at(3600 + HOUR)).await;
    assert_eq!(count().await, 3, "and the rest");
    for number in [0, 1] {
        assert_eq!(unchanged(number).await, RotationOutcome::Unknown);
    }
}

/// Also on PostgreSQL, where nobody may wait for rows that another transaction sweeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sweep_at_once() {
    let store = postgres_store("sweeps").await;
    let record = |number, expires_at| magic_link(&format!("user {number}"), number, expires_at);
    for number in 0..300 {
        OneTimeStore::insert(&store, record(number, at(1)), 1, START).await.unwrap();
    }
    let late = at(2 + HOUR);
    let calls: Vec<_> = (1000..1016)
        .map(|number| {
            let (store, record) = (store.clone(), record(number, at(10_000)));
            tokio::spawn(async move { OneTimeStore::insert(&store, record, 1, late).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // Even for a clock that shows an hour less they are gone, and those that are not expired are
    // not.
    let redeem = async |number: u64| {
        let user = format!("user {number}");
        store.redeem(&owner(&user), &hash(number), Purpose::MagicLink, START).await.unwrap()
    };
    assert_eq!(redeem(0).await, None);
    assert_eq!(redeem(1000).await, Some(record(1000, at(10_000))));
}

async fn clock_goes_back<D: SqlDialect>(store: SqlStore<D>) {
    store
        .revoke(&owner("alice"), &[RevocationTarget::TokenId("stolen")], None, START, at(100))
        .await
        .unwrap();
    assert_eq!(judge(&store, "stolen", "alice", START, START).await, Verdict::Revoked);
    assert_eq!(judge(&store, "other", "alice", START, START).await, Verdict::Good);

    // The entry is swept.
    store
        .revoke(&owner("alice"), &[RevocationTarget::TokenId("later")], None, at(100 + HOUR), at(9000))
        .await
        .unwrap();
    assert_eq!(
        judge(&store, "other", "alice", START, at(100)).await,
        Verdict::Good,
        "nothing is alive again at 100"
    );

    // For a clock that is back at 50, the stolen token has not expired. It must not pass, and
    // nobody can tell it from others any more.
    assert_eq!(judge(&store, "stolen", "alice", START, at(50)).await, Verdict::BeforeMemory);
    // For the others it has, and they go on.
    assert_eq!(judge(&store, "other", "alice", START, at(150)).await, Verdict::Good);
    assert_eq!(judge(&store, "new", "alice", at(50), at(50)).await, Verdict::Good, "a new login works");
    assert_eq!(judge(&store, "later", "alice", at(60), at(60)).await, Verdict::Revoked);
}

#[tokio::test]
async fn sqlite_accepts_nothing_when_the_clock_goes_back() {
    let database = Sqlite::start("back").await;
    clock_goes_back(database.store().await).await;
}

#[tokio::test]
async fn postgres_accepts_nothing_when_the_clock_goes_back() {
    clock_goes_back(postgres_store("back").await).await;
}

#[tokio::test]
async fn an_epoch_that_was_swept_counts_when_the_clock_goes_back() {
    let database = Sqlite::start("epoch").await;
    let store = database.store().await;
    store.raise_epoch(&owner("alice"), START, at(100)).await.unwrap();
    assert_eq!(judge(&store, "old", "alice", START, START).await, Verdict::OldEpoch);
    store.raise_epoch(&owner("bob"), at(100 + HOUR), at(9000)).await.unwrap();
    assert_eq!(store.epoch(&owner("alice"), at(100 + HOUR)).await.unwrap(), 0, "it was swept");
    assert_eq!(judge(&store, "old", "alice", START, at(50)).await, Verdict::BeforeMemory);
}
