//! The stores: in memory, unless `FAUTH_REDIS_URL` or `FAUTH_DATABASE_URL` is set. Each backend is
//! a feature of this program: `redis`, `sqlite`, `postgres`; `tls` adds TLS.
//!
//! A service that replaces a Python one also needs `FAUTH_TOKEN_PROFILE` and, to accept tokens from
//! before its first start, `FAUTH_TRUST_SINCE`; in memory `FAUTH_DANGER_TRUST_SINCE`.

use std::{env, sync::Arc};

use fauth_core::{AuthProviderBuilder, BoxError, MemoryStore, store::Store};

use crate::users::User;

const DATABASE: &str = "FAUTH_DATABASE_URL";
const REDIS: &str = "FAUTH_REDIS_URL";

/// Everything in one store, or, with both variables, sessions in the database and revocations in
/// Redis.
///
/// # Errors
/// If a backend was not built in, or cannot be reached.
pub async fn keep(builder: AuthProviderBuilder<User>) -> Result<AuthProviderBuilder<User>, BoxError> {
    Ok(match (open(DATABASE).await?, open(REDIS).await?) {
        (Some(database), Some(redis)) => builder.store(database).revocation_store(redis),
        (Some(store), None) | (None, Some(store)) => builder.store(store),
        (None, None) => {
            tracing::warn!("logins are kept in memory: they end with this process");
            builder.store(MemoryStore::new())
        }
    })
}

/// The store at the URL in an environment variable, if it is set.
async fn open(variable: &str) -> Result<Option<Arc<dyn Store>>, BoxError> {
    let Ok(url) = env::var(variable) else { return Ok(None) };
    let opened = connect(variable, &url).await;
    opened.map(Some).map_err(|error| format!("{variable}{error}").into())
}

#[allow(unused_variables, clippy::unused_async, reason = "what was not built in is not connected to")]
async fn connect(variable: &str, url: &str) -> Result<Arc<dyn Store>, BoxError> {
    let scheme = if variable == REDIS { "redis" } else { url.split(':').next().unwrap_or_default() };
    match scheme {
        #[cfg(feature = "redis")]
        "redis" => Ok(Arc::new(fauth_core::store::RedisStore::connect(url).await.map_err(cause)?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let store = fauth_core::store::SqliteStore::connect(url).await.map_err(cause)?;
            store.migrate().await.map_err(cause)?;
            Ok(Arc::new(store))
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let store = fauth_core::store::PostgresStore::connect(url).await.map_err(cause)?;
            store.migrate().await.map_err(cause)?;
            Ok(Arc::new(store))
        }
        #[cfg(not(feature = "redis"))]
        "redis" => Err(not_built_in("Redis", "redis")),
        #[cfg(not(feature = "sqlite"))]
        "sqlite" => Err(not_built_in("SQLite", "sqlite")),
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => Err(not_built_in("PostgreSQL", "postgres")),
        _ => Err(": use sqlite:… or postgres:…".into()),
    }
}

#[cfg(any(feature = "redis", feature = "sqlite", feature = "postgres"))]
fn cause(error: impl std::error::Error) -> BoxError {
    format!(": {error}").into()
}

#[cfg(not(all(feature = "redis", feature = "sqlite", feature = "postgres")))]
fn not_built_in(name: &str, feature: &str) -> BoxError {
    format!(" is set, but this binary was built without {name}: run with --features {feature}").into()
}
