//! A service whose guarded routes and logins share a user database with few connections.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use fauth_axum::{CurrentUser, auth_routes};
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, MemoryStore,
    password::{PasswordConfig, PasswordHasher},
};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};

/// No secret of anybody's.
pub(crate) const SECRET: &str = "attacks-only-5e07d3a1-4b92-8c6f13d0";
pub(crate) const NAME: &str = "alice";
pub(crate) const PASSWORD: &str = "correct-horse";
const CONNECTIONS: usize = 10;
/// What one query takes, on one of the connections.
const QUERY: Duration = Duration::from_millis(2);

/// The one user.
#[derive(Debug)]
pub(crate) struct Alice {
    password_hash: String,
}

impl AuthUser for Alice {
    fn subject(&self) -> impl AsRef<str> {
        NAME
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }
}

/// The user database.
pub(crate) struct Database {
    alice: Arc<Alice>,
    connections: Semaphore,
    identity_look_ups: AtomicU64,
}

impl Database {
    async fn query(&self, name: &str) -> Option<Arc<Alice>> {
        let _connection = self.connections.acquire().await.ok()?;
        sleep(QUERY).await;
        (name == NAME).then(|| Arc::clone(&self.alice))
    }

    /// How often somebody was looked up to log in.
    pub(crate) fn identity_look_ups(&self) -> u64 {
        self.identity_look_ups.load(Ordering::Relaxed)
    }
}

/// Serves on a free port until the runtime ends, with the login throttle or without.
pub(crate) async fn start(throttle: bool) -> Result<(SocketAddr, Arc<Database>), BoxError> {
    let password_hash = PasswordHasher::new(PasswordConfig::default())?.hash(PASSWORD).await?;
    let database = Arc::new(Database {
        alice: Arc::new(Alice { password_hash }),
        connections: Semaphore::new(CONNECTIONS),
        identity_look_ups: AtomicU64::new(0),
    });
    let (by_token, by_name) = (Arc::clone(&database), Arc::clone(&database));
    let builder =
        AuthProvider::builder(AuthConfig::builder().application("attacked").secret(SECRET).build()?)
            .user_loader(move |token: Arc<fauth_core::TokenPayload>| {
                let database = Arc::clone(&by_token);
                async move { Ok::<_, Infallible>(database.query(token.subject()).await) }
            })
            .identity_loader(move |name: String| {
                let database = Arc::clone(&by_name);
                async move {
                    database.identity_look_ups.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(database.query(&name).await)
                }
            })
            .store(MemoryStore::new());
    let auth = if throttle { builder } else { builder.danger_without_login_throttle() }.build()?;
    let app = Router::new()
        .route("/me", get(async |_: CurrentUser<Alice>| "me"))
        .merge(auth_routes(&auth))
        .with_state(auth);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((address, database))
}
