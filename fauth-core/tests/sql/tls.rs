//! TLS to a real PostgreSQL, with a certificate of an authority that nobody else knows.

use fauth_core::store::{PostgresStore, SessionStore};
use servers::{Certificate, Postgres};
use sqlx::{PgPool, Row as _};

use crate::support::{START, new_session};

async fn refused(url: &str) -> String {
    PostgresStore::connect(url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_server_is_reached_by_tls_and_its_certificate_is_checked() {
    let certificate = Certificate::new();
    let server = Postgres::start_with_tls(&certificate);
    let checked = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), certificate.authority());
    for url in [&checked, &format!("{}?sslmode=require", server.url())] {
        let store = PostgresStore::connect(url).await.unwrap();
        store.migrate().await.unwrap();
        store.end_all(&crate::support::owner("alice"), None, START).await.unwrap();
        store.open(new_session(u128::try_from(url.len()).unwrap(), "alice", 1, 5), START).await.unwrap();
        let pool = PgPool::connect(url).await.unwrap();
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert!(sqlx::query(sql).fetch_one(&pool).await.unwrap().get::<bool, _>(0), "{url}");
    }
    // An authority that the system does not know.
    let error = refused(&format!("{}?sslmode=verify-full", server.url())).await;
    assert!(error.starts_with("PostgreSQL 127.0.0.1:") && error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_demanded() {
    let error = refused(&format!("{}?sslmode=require", Postgres::shared())).await;
    assert!(error.contains("does not support TLS"), "{error}");
}
