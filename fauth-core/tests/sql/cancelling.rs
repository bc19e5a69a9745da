//! A call that is dropped half-way leaves nothing half done, and no connection that is still in
//! its transaction.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use fauth_core::store::{PostgresStore, RotationOutcome, SessionStore, SqlDialect, SqlStore};
use sqlx::{Row as _, postgres::PgPoolOptions};

use crate::support::{START, Sqlite, new_session, own_prefix, owner, postgres, postgres_store, rotation};

/// Drops a future the `polls`-th time that it has to wait; its answer, if it does not wait that
/// often.
async fn cut_after<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut count = 0;
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = future.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        count += 1;
        if count >= polls { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

async fn dropped_anywhere<D: SqlDialect>(store: SqlStore<D>) {
    let mut came_through = 0;
    for cut in 1..60 {
        let id = cut as u128;
        store.open(new_session(id, "alice", 0, 1000), START).await.unwrap();
        let answer = cut_after(store.rotate(&owner("alice"), &rotation(id, 0, 1), START), cut).await;
        came_through += usize::from(answer.is_some());

        let opened = cut_after(store.open(new_session(1000 + id, "bob", 0, 1000), START), cut).await;
        came_through += usize::from(opened.is_some());

        // The retry, of which nobody knows whether it is one.
        match store.rotate(&owner("alice"), &rotation(id, 0, 2), START).await.unwrap() {
            RotationOutcome::Rotated(_) => assert!(answer.is_none(), "what was confirmed holds"),
            RotationOutcome::InGrace { nonce, .. } => {
                assert_eq!(nonce, rotation(id, 0, 1).nonce, "the same successor");
            }
            other => panic!("{other:?}"),
        }
        let ids: Vec<_> =
            store.list(&owner("bob"), START).await.unwrap().into_iter().map(|session| session.id).collect();
        let is_there = ids.contains(&new_session(1000 + id, "bob", 0, 1).session.id);
        assert!(is_there || opened.is_none(), "what was confirmed is there");
    }
    assert!(came_through > 0, "the last ones were not cut");
}

#[tokio::test]
async fn sqlite_forgets_a_call_that_was_dropped() {
    let database = Sqlite::start("dropped").await;
    let store = database.store().await;
    tokio::time::timeout(Duration::from_secs(60), dropped_anywhere(store)).await.unwrap();
}

#[tokio::test]
async fn postgres_forgets_a_call_that_was_dropped() {
    let store = postgres_store("dropped").await;
    tokio::time::timeout(Duration::from_secs(60), dropped_anywhere(store)).await.unwrap();
}

/// What else runs on the pool must not end up in a transaction that nobody commits.
#[tokio::test]
async fn postgres_gets_its_connections_back_without_a_transaction() {
    let (pool, options) = (postgres().await, PgPoolOptions::new().max_connections(1));
    let pool = options.connect_with(pool.connect_options().as_ref().clone()).await.unwrap();
    let store = PostgresStore::with_prefix(pool.clone(), &own_prefix("back")).unwrap();
    store.migrate().await.unwrap();
    for cut in 1..20 {
        let _ = cut_after(store.rotate(&owner("alice"), &rotation(1, 0, 1), START), cut).await;
        // Within a transaction, the time stands still.
        let now =
            async || sqlx::query("SELECT now()::text").fetch_one(&pool).await.unwrap().get::<String, _>(0);
        assert_ne!(now().await, now().await, "dropped at {cut}");
    }
}
