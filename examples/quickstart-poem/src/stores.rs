//! Where logins are kept: in memory, unless `FAUTH_REDIS_URL` or `FAUTH_DATABASE_URL` name a better place.

use std::env;

use fauth_core::{
    AuthProviderBuilder, BoxError, MemoryStore,
    store::{PostgresStore, RedisStore, SqliteStore},
};
use sqlx::{
    PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use crate::users::User;

type Builder = AuthProviderBuilder<User>;

/// Redis for everything, a database for everything, or sessions in the database and revocations in Redis. Memory is for one instance.
pub(crate) async fn keep(builder: Builder) -> Result<Builder, BoxError> {
    let (redis, database) = (env::var("FAUTH_REDIS_URL").ok(), env::var("FAUTH_DATABASE_URL").ok());
    let builder = match (&redis, &database) {
        (None, None) => {
            tracing::warn!("logins are kept in memory: they end with this process");
            return Ok(builder.store(MemoryStore::new()));
        }
        (_, Some(url)) => in_database(builder, url).await?,
        (Some(_), None) => builder,
    };
    let Some(url) = redis else { return Ok(builder) };
    let store = RedisStore::connect(url).await.map_err(|error| format!("FAUTH_REDIS_URL: {error}"))?;
    Ok(if database.is_some() { builder.revocation_store(store) } else { builder.store(store) })
}

async fn in_database(builder: Builder, url: &str) -> Result<Builder, BoxError> {
    let failed = |error: &dyn std::error::Error| format!("FAUTH_DATABASE_URL: {error}");
    if url.starts_with("sqlite:") {
        let options: SqliteConnectOptions = url.parse().map_err(|error: sqlx::Error| failed(&error))?;
        let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePool::connect_with(options).await.map_err(|error| failed(&error))?;
        let store = SqliteStore::new(pool);
        store.migrate().await?;
        Ok(builder.store(store))
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let store = PostgresStore::new(PgPool::connect(url).await.map_err(|error| failed(&error))?);
        store.migrate().await?;
        Ok(builder.store(store))
    } else {
        Err("FAUTH_DATABASE_URL: use sqlite:… or postgres:…".into())
    }
}
