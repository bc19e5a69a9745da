//! What is past its time leaves, a hundred rows at a time, and a clock that goes back brings nothing back.

use fauth_core::{
    Purpose, Timestamp,
    store::{
        OneTimeRecord, OneTimeStore, RevocationStore, RevocationTarget, RotationOutcome, SessionStore,
        SqlDialect, SqlStore, TokenFacts, Verdict,
    },
};

use crate::support::{START, Sqlite, at, hash, new_session, postgres_store, rotation};

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
    // They end at 3600, when their idle timeout is over, and not only at 7200, which is the latest.
    let open = async |number, now| {
        let mut new = new_session(number, "bob", 0, 1000);
        (new.session.last_seen_at, new.session.expires_at) = (now, at(1_000_000));
        store.open(new, now).await.unwrap();
    };
    store.end_all("alice", Some(&new_session(0, "alice", 0, 1).session.id), START).await.unwrap();
    open(1001, at(3600 + HOUR - 1)).await;
    assert_eq!(count().await, 151, "one second before the hour is over, all are still known");
    let unchanged = async |number| store.rotate(rotation(number, 0, 1), at(3599 + HOUR)).await.unwrap();
    assert_eq!(unchanged(0).await, RotationOutcome::Expired);
    assert_eq!(unchanged(1).await, RotationOutcome::Ended);
    store.open(new_session(1, "alice", 0, 1), at(3599 + HOUR)).await.unwrap_err();
    open(1002, at(3600 + HOUR)).await;
    assert_eq!(count().await, 52, "then a hundred go");
    open(1003, at(3600 + HOUR)).await;
    assert_eq!(count().await, 3, "and the rest");
    for number in [0, 1] {
        assert_eq!(unchanged(number).await, RotationOutcome::Unknown);
    }
}

/// Also on PostgreSQL, where nobody may wait for rows that another sweeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sweep_at_once() {
    let store = postgres_store("sweeps").await;
    for number in 0..300 {
        let expires_at = at(1);
        let subject = format!("user {number}");
        let record = OneTimeRecord { hash: hash(number), subject, purpose: Purpose::MagicLink, expires_at };
        OneTimeStore::insert(&store, record, 1, START).await.unwrap();
    }
    let late = at(2 + HOUR);
    let calls: Vec<_> = (1000..1016)
        .map(|number| {
            let store = store.clone();
            let subject = format!("user {number}");
            let expires_at = at(10_000);
            let record =
                OneTimeRecord { hash: hash(number), subject, purpose: Purpose::MagicLink, expires_at };
            tokio::spawn(async move { OneTimeStore::insert(&store, record, 1, late).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // Even for a clock that shows an hour less they are gone, and those that are not expired are not.
    assert_eq!(store.redeem(&hash(0), Purpose::MagicLink, START).await.unwrap(), None);
    assert!(store.redeem(&hash(1000), Purpose::MagicLink, START).await.unwrap().is_some());
}

fn token(jti: &str, issued_at: Timestamp) -> TokenFacts<'_> {
    TokenFacts {
        targets: [RevocationTarget::TokenId(jti)].into_iter().collect(),
        subject: "alice",
        epoch: 0,
        issued_at,
    }
}

async fn clock_goes_back<D: SqlDialect>(store: SqlStore<D>) {
    store.revoke(&[RevocationTarget::TokenId("stolen")], START, at(100)).await.unwrap();
    assert_eq!(store.check(&token("stolen", START), START).await.unwrap(), Verdict::Revoked);
    assert_eq!(store.check(&token("other", START), START).await.unwrap(), Verdict::Good);

    // The entry is swept.
    store.revoke(&[RevocationTarget::TokenId("later")], at(100 + HOUR), at(9000)).await.unwrap();
    assert_eq!(
        store.check(&token("other", START), at(100)).await.unwrap(),
        Verdict::Good,
        "nothing is alive again at 100"
    );

    // For a clock that is back at 50, the stolen token has not expired. It must not pass, and nobody can tell it from others any more.
    assert_eq!(store.check(&token("stolen", START), at(50)).await.unwrap(), Verdict::BeforeMemory);
    // For the others it has, and they go on.
    assert_eq!(store.check(&token("other", START), at(150)).await.unwrap(), Verdict::Good);
    assert_eq!(store.check(&token("new", at(50)), at(50)).await.unwrap(), Verdict::Good, "a new login works");
    assert_eq!(store.check(&token("later", at(60)), at(60)).await.unwrap(), Verdict::Revoked);
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
    store.raise_epoch("alice", START, at(100)).await.unwrap();
    assert_eq!(store.check(&token("old", START), START).await.unwrap(), Verdict::OldEpoch);
    store.raise_epoch("bob", at(100 + HOUR), at(9000)).await.unwrap();
    assert_eq!(store.epoch("alice", at(100 + HOUR)).await.unwrap(), 0, "it was swept");
    assert_eq!(store.check(&token("old", START), at(50)).await.unwrap(), Verdict::BeforeMemory);
}
