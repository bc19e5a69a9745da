//! One service with three ways to log in.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use argon2::{Algorithm, Argon2, Params, Version};
use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use fauth_axum::auth_routes;
use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser, BoxError, MemoryStore,
    password::{PasswordConfig, PasswordHasher},
};
use tokio::{net::TcpListener, task::spawn_blocking};

const SECRET: &str = "flood-only-1c93e0b7f2a84d56-8e5b07d3";
const PASSWORD: &str = "correct horse";
/// The body of every login.
pub(crate) const LOGIN: &str = "username=alice&password=correct+horse";

struct Alice {
    password_hash: String,
}

impl AuthUser for Alice {
    fn subject(&self) -> impl AsRef<str> {
        "alice"
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }
}

/// Serves on a free port until the runtime ends.
pub(crate) async fn start() -> Result<SocketAddr, BoxError> {
    let password_hash = PasswordHasher::new(PasswordConfig::default())?.hash(PASSWORD).await?;
    let alice = Arc::new(Alice { password_hash });
    let provider = || -> Result<AuthProviderBuilder<Alice>, BoxError> {
        let alice = Arc::clone(&alice);
        Ok(AuthProvider::builder(AuthConfig::builder().secret(SECRET).build()?)
            .danger_share_application()
            .user_loader(async |_| Ok::<Option<Alice>, Infallible>(None))
            .identity_loader(move |_: String| {
                let alice = Arc::clone(&alice);
                async { Ok::<_, Infallible>(Some(alice)) }
            })
            .store(MemoryStore::new()))
    };
    let (throttled, auth) = (provider()?.build()?, provider()?.danger_without_login_throttle().build()?);
    let unbounded = async || spawn_blocking(hash).await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let app = Router::new()
        .route("/cheap", get(async || "cheap"))
        .merge(auth_routes(&auth))
        .nest("/throttled", auth_routes(&throttled))
        .route("/unbounded", post(unbounded))
        .route("/inline", post(async || hash()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// As much work as a login is in fauth by default, and no more.
fn hash() -> StatusCode {
    let mut out = [0; 32];
    let hashed = Params::new(19_456, 2, 1, Some(out.len())).and_then(|params| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(PASSWORD.as_bytes(), b"salt of 16 bytes", &mut out)
    });
    if hashed.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}
