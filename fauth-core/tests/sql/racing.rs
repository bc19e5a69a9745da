//! Many at once.

use fauth_core::store::{RotationOutcome, SessionStore, SqlDialect, SqlStore};

use crate::support::{START, Sqlite, hash, new_session, owner, postgres_store, rotation};

async fn one_winner<D: SqlDialect>(store: SqlStore<D>, rounds: u64) {
    for round in 0..rounds {
        let id = u128::from(round);
        store.open(new_session(id, "alice", 0, 3), START).await.unwrap();
        let attempts: Vec<_> = (1..=16)
            .map(|successor| {
                let store = store.clone();
                tokio::spawn(async move {
                    store.rotate(&owner("alice"), &rotation(id, 0, successor), START).await
                })
            })
            .collect();
        let mut winners = 0;
        for attempt in attempts {
            match attempt.await.unwrap().unwrap() {
                RotationOutcome::Rotated(_) => winners += 1,
                RotationOutcome::InGrace { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_lets_one_win() {
    let database = Sqlite::start("race").await;
    one_winner(database.store().await, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_lets_one_win() {
    one_winner(postgres_store("race").await, 50).await;
}

async fn limit_holds<D: SqlDialect>(store: SqlStore<D>) {
    let opened: Vec<_> = (0..32)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.open(new_session(number, "alice", 0, 3), START).await })
        })
        .collect();
    let mut crowded_out = Vec::new();
    for ended in opened {
        crowded_out.extend(ended.await.unwrap().unwrap().into_iter().map(|ended| ended.id));
    }
    let live = store.list(&owner("alice"), START).await.unwrap();
    assert_eq!(live.len(), 3);
    assert_eq!(crowded_out.len(), 29, "each was named once");
    crowded_out.sort();
    crowded_out.dedup();
    assert_eq!(crowded_out.len(), 29, "and by one call only");
    assert!(live.iter().all(|session| !crowded_out.contains(&session.id)));
    assert_ne!(hash(0), hash(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_holds_the_limit() {
    let database = Sqlite::start("limit").await;
    limit_holds(database.store().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_holds_the_limit() {
    limit_holds(postgres_store("limit").await).await;
}

async fn no_deadlock<D: SqlDialect>(store: SqlStore<D>) {
    for round in 0..20 {
        let first = round * 8;
        for number in first..first + 8 {
            store.open(new_session(number, "bob", 0, 100), START).await.unwrap();
        }
        let mut calls = Vec::new();
        for number in first..first + 8 {
            let clone = store.clone();
            calls
                .push(tokio::spawn(async move { clone.end_all(&owner("bob"), None, START).await.map(drop) }));
            let clone = store.clone();
            calls.push(tokio::spawn(async move {
                clone.rotate(&owner("bob"), &rotation(number, 0, 1), START).await.map(drop)
            }));
            let clone = store.clone();
            let new = new_session(1_000_000 + number, "bob", 0, 2);
            calls.push(tokio::spawn(async move { clone.open(new, START).await.map(drop) }));
        }
        for call in calls {
            call.await.unwrap().unwrap();
        }
        store.end_all(&owner("bob"), None, START).await.unwrap();
        assert_eq!(store.list(&owner("bob"), START).await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_has_no_deadlock() {
    let database = Sqlite::start("deadlock").await;
    no_deadlock(database.store().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_has_no_deadlock() {
    no_deadlock(postgres_store("deadlock").await).await;
}
