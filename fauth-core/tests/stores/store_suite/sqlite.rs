//! The store suite on SQLite: a database in a file, with a write-ahead log, and a second instance
//! as another process would open it.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{
    cell::RefCell,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use fauth_core::store::SqliteStore;
use fauth_testing::{ManualClock, store_suite::StoreHarness};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

struct Sqlite;

/// Removed at the end of the thread, and with it of the case.
struct Files(PathBuf);

thread_local! {
    static FILES: RefCell<Option<Files>> = const { RefCell::new(None) };
}

impl StoreHarness for Sqlite {
    type Store = SqliteStore;

    async fn open() -> SqliteStore {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fauth-suite-{}-{number}.db", std::process::id());
        FILES.set(Some(Files(std::env::temp_dir().join(name))));
        let store = connect().await;
        store.migrate().await.unwrap();
        store
    }

    async fn again(_: &SqliteStore) -> SqliteStore {
        connect().await
    }
}

async fn connect() -> SqliteStore {
    let path = FILES.with_borrow(|files| files.as_ref().unwrap().0.clone());
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
    SqliteStore::new(pool).clock(ManualClock::new())
}

impl Drop for Files {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(end);
            let _ = std::fs::remove_file(path);
        }
    }
}

fauth_testing::store_suite!(Sqlite);
fauth_testing::store_suite!(Sqlite: throttles);
fauth_testing::store_race!(Sqlite);

#[tokio::test]
async fn two_applications_share_nothing() {
    let store = Sqlite::open().await;
    crate::applications::share_nothing(|| store.clone()).await;
}
