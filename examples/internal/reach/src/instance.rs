//! One instance of a service, in a process of its own.

use std::{
    convert::Infallible,
    io::{self, Write as _},
    sync::Arc,
};

use axum::{
    Router,
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use fauth_axum::{Grant, SecureRouter, auth_routes, until_ended};
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, MemoryStore, TokenPayload, TokenRequest,
    store::{RedisStore, Store},
};
use tokio::net::TcpListener;

const SECRET: &str = "reach-only-4d1f7c60a95be832-0c77d1e9";

/// Of each socket. With the 128 KiB that are usual nothing else would show.
const BUFFER: usize = 1024;

/// Anybody: what is measured is not the application's database.
struct Anybody(String);

impl AuthUser for Anybody {
    fn subject(&self) -> impl AsRef<str> {
        &self.0
    }

    fn is_active(&self) -> bool {
        true
    }
}

type Auth = AuthProvider<Anybody>;

/// Serves on a free port for ever, and says where. With the URL of a Redis server its store is
/// there, and in memory without.
pub(crate) async fn serve(redis: Option<&str>) -> Result<(), BoxError> {
    let store: Arc<dyn Store> = match redis {
        Some(url) => Arc::new(RedisStore::connect(url).await?),
        None => Arc::new(MemoryStore::new()),
    };
    let auth: Auth =
        AuthProvider::builder(AuthConfig::builder().application("reach").secret(SECRET).build()?)
            .user_loader(async |token: Arc<TokenPayload>| {
                Ok::<_, Infallible>(Some(Anybody(token.subject().to_owned())))
            })
            .without_password_login()
            .store(store)
            .build()?;
    let app = Router::new()
        .merge(auth_routes(&auth))
        .route("/enter/{name}", post(enter))
        .route("/unguarded", get(unguarded))
        .nest_service("/live", SecureRouter::new(&auth).route("/socket", get(guarded)))
        .with_state(auth);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}

/// A login without a password, of whom you like: hashing is not what is measured.
async fn enter(State(auth): State<Auth>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let pair = auth.login(TokenRequest::for_subject(&*name)).await;
    let pair = pair.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(pair.access_token().expose().to_owned())
}

async fn guarded(ws: WebSocketUpgrade, Grant(granted): Grant<Anybody>) -> Response {
    until_ended(ws.read_buffer_size(BUFFER), granted.ended(), |socket| Box::pin(hold(socket)))
}

async fn unguarded(ws: WebSocketUpgrade) -> Response {
    ws.read_buffer_size(BUFFER).on_upgrade(async |mut socket| hold(&mut socket).await)
}

/// Says that it is open, and waits for the end.
async fn hold(socket: &mut WebSocket) {
    if socket.send(Message::text("open")).await.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}
