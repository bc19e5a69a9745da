//! The store suite on PostgreSQL, each case with tables of its own.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use fauth_core::{
    store::PostgresStore,
    testing::{ManualClock, store_suite::StoreHarness},
};
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
    PostgresStore::new(pool).prefix(&prefix).unwrap().clock(ManualClock::new())
}

/// Unlike that of every other case, also of earlier runs: the server may be one that stays.
fn new_prefix() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let elapsed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() & 0xffff_ffff_ffff;
    format!("s{elapsed:x}_{:x}_{:x}_", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fauth_core::store_suite!(Postgres);
fauth_core::store_race!(Postgres);
