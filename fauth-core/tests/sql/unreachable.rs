//! Databases that are not there, and roles that may not create tables.

use std::{net::TcpListener, time::Duration};

use fauth_core::store::{PostgresStore, RevocationStore, SessionStore, SqliteStore};
use sqlx::postgres::PgPoolOptions;
use tokio::time::Instant;

use crate::support::{START, new_session, own_prefix, owner, postgres};

#[tokio::test]
async fn a_server_that_refuses_is_named_within_five_seconds() {
    let start = Instant::now();
    let url = format!("postgres://me:pAss@127.0.0.1:{}/app", servers::free_port());
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let (said, shown) = (error.to_string(), format!("{error:?}"));
    assert!(said.starts_with("PostgreSQL 127.0.0.1:") && said.contains("/app: "), "{said}");
    assert!(said.contains("refused (os error"), "{said}");
    assert!(!said.contains("pAss") && !shown.contains("pAss"), "{said} {shown}");
}

#[tokio::test]
async fn a_server_that_is_silent_is_named_within_the_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://me:pAss@{}/app", silent.local_addr().unwrap());
    // With the 30 s of sqlx.
    let pool = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let store = PostgresStore::new(pool).connect_timeout(Duration::from_millis(300));
    let start = Instant::now();
    let error = store.migrate().await.unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(
        error.starts_with("PostgreSQL 127.0.0.1:") && error.ends_with("no answer within 300ms"),
        "{error}"
    );
}

#[tokio::test]
async fn a_pool_whose_connections_are_all_in_use_is_told_apart() {
    let pool = PgPoolOptions::new().max_connections(1).connect(servers::Postgres::shared()).await.unwrap();
    let _taken = pool.acquire().await.unwrap();
    let store = PostgresStore::new(pool.clone()).connect_timeout(Duration::from_millis(500));
    let error = store.migrate().await.unwrap_err().to_string();
    assert!(error.ends_with("every connection of the pool was in use"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_named() {
    let error = SqliteStore::connect("sqlite:/nowhere/at/all.db").await.unwrap_err().to_string();
    assert!(error.starts_with("SQLite /nowhere/at/all.db: "), "{error}");
    assert!(error.contains("unable to open"), "{error}");
}

#[tokio::test]
async fn a_text_that_is_no_url_is_refused() {
    for url in ["", "postgres://[", "postgres://host:port/"] {
        let error = PostgresStore::connect(url).await.unwrap_err().to_string();
        assert!(error.starts_with("PostgreSQL: "), "{url}: {error}");
    }
}

/// The driver of SQLite takes any other URL for the name of a file, and that of PostgreSQL takes a
/// `/` in a password for its end.
#[tokio::test]
async fn a_url_that_would_be_misread_is_refused_without_its_password() {
    for url in ["postgres://me:s3cret@db/app", "s3cret.db", "SQLITE:s3cret"] {
        let error = SqliteStore::connect(url).await.unwrap_err().to_string();
        assert!(error.contains("`sqlite:`") && !error.contains("s3cret"), "{error}");
    }
    for url in ["sqlite:s3cret.db", "postgres://me:12/s3cret@db/app", "postgres://me:p@ss/s3cret@db"] {
        let error = PostgresStore::connect(url).await.unwrap_err().to_string();
        assert!(error.starts_with("PostgreSQL: ") && !error.contains("s3cret"), "{error}");
    }
}

/// The tables are made once by another role; the service may read and write them, and no more.
#[tokio::test]
async fn migrating_what_is_up_to_date_needs_no_right_to_create() {
    let (pool, prefix) = (postgres().await, own_prefix("poor"));
    let role = prefix.trim_end_matches('_').to_owned();
    let run = async |sql: String| sqlx::query(&sql).execute(&pool).await.map(drop);
    run(format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    // Before PostgreSQL 15 everybody may create tables there.
    run("REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned()).await.unwrap();
    let url = servers::Postgres::shared().replace("postgres@", &format!("{role}@"));
    let lesser_pool = PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap();
    let lesser = PostgresStore::with_prefix(lesser_pool, &prefix).unwrap();
    let error = lesser.migrate().await.unwrap_err().to_string();
    assert!(error.contains("42501") && error.contains("may create tables"), "{error}");

    PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().migrate().await.unwrap();
    for table in ["schema", "sessions", "revocations", "epochs", "one_times", "api_keys"] {
        run(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {prefix}{table} TO {role}")).await.unwrap();
    }
    lesser.migrate().await.unwrap();
    lesser.open(new_session(1, "alice", 1, 1), START).await.unwrap();
    assert_eq!(lesser.list(&owner("alice"), START).await.unwrap().len(), 1);
    assert_eq!(lesser.epoch(&owner("alice"), START).await.unwrap(), 0);
}
