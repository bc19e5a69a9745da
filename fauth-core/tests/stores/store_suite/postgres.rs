//! The store suite on PostgreSQL, each case with tables of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::cell::RefCell;

use fauth_core::store::PostgresStore;
use fauth_testing::{ManualClock, store_suite::StoreHarness};
use sqlx::postgres::PgPoolOptions;

struct Postgres;

thread_local! {
    /// Of the case that runs on this thread.
    static PREFIX: RefCell<String> = const { RefCell::new(String::new()) };
}

impl StoreHarness for Postgres {
    type Store = PostgresStore;

    async fn open() -> PostgresStore {
        PREFIX.set(new_prefix());
        let store = connect().await;
        store.migrate().await.unwrap();
        store
    }

    async fn again(_: &PostgresStore) -> PostgresStore {
        connect().await
    }
}

async fn connect() -> PostgresStore {
    let pool = PgPoolOptions::new().max_connections(4).connect(servers::Postgres::shared()).await.unwrap();
    let prefix = PREFIX.with_borrow(String::clone);
    PostgresStore::with_prefix(pool, &prefix).unwrap().clock(ManualClock::new())
}

/// Unlike that of every other case, also of earlier runs: the server may be one that stays.
fn new_prefix() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    format!("suite_{:x}_", u64::from_ne_bytes(random))
}

fauth_testing::store_suite!(Postgres);
fauth_testing::store_suite!(Postgres: throttles);
fauth_testing::store_race!(Postgres);

#[tokio::test]
async fn two_applications_share_nothing() {
    let store = Postgres::open().await;
    crate::applications::share_nothing(|| store.clone()).await;
}
