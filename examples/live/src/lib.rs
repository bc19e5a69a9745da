//! A chat for who is logged in. Its WebSocket and its stream of events end with the login that they
//! were opened with.

#![expect(missing_debug_implementations, reason = "a user holds a password hash, which no log needs")]

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{
        FromRef, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::{
        Html, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{any, get},
};
use fauth_axum::{Grant, SecureRouter, auth_routes, until_ended};
use fauth_core::{
    AuthConfig, AuthProvider, BoxError, MemoryStore,
    transport::{BearerTransport, CookieTransport},
};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

mod users;

pub use users::{User, Users};

/// Tokens in a header for programs, and in cookies for the page.
///
/// # Errors
/// If the address is not one of the machine itself: there the cookies need TLS.
pub fn provider(
    config: AuthConfig,
    users: Users,
    address: SocketAddr,
) -> Result<AuthProvider<User>, BoxError> {
    Ok(AuthProvider::builder(config)
        .user_loader(users.clone())
        .identity_loader(users)
        .store(MemoryStore::new())
        .transport(BearerTransport::new())
        .transport(CookieTransport::new().insecure_on_loopback(address.ip())?)
        .build()?)
}

/// The page, the ready-made endpoints, and the chat.
pub fn app(auth: &AuthProvider<User>) -> Router {
    let (lines, _) = broadcast::channel(64);
    let state = App { auth: auth.clone(), lines };
    let chat =
        SecureRouter::with_state(auth, state).route("/socket", any(socket)).route("/events", get(events));
    Router::new()
        .merge(auth_routes(auth)) // login, refresh, logout, sessions
        .nest_service("/chat", chat)
        .route("/", get(Html(include_str!("../page.html"))))
}

#[derive(Clone)]
struct App {
    auth: AuthProvider<User>,
    /// What is said, for everybody who listens.
    lines: Sender<String>,
}

/// Lets extractors find the provider.
impl FromRef<App> for AuthProvider<User> {
    fn from_ref(app: &App) -> Self {
        app.auth.clone()
    }
}

/// Who has no token gets 401 here, and no socket.
async fn socket(ws: WebSocketUpgrade, Grant(granted): Grant<User>, State(app): State<App>) -> Response {
    let ended = granted.ended();
    // Not the grant, which keeps its provider for as long as the socket is open.
    let user = Arc::clone(granted.user());
    // Before the handshake is answered: a client that is told it has joined misses no line.
    let heard = app.lines.subscribe();
    until_ended(ws.max_message_size(1024), ended, move |socket| {
        Box::pin(async move { chat(socket, &user, &app.lines, heard).await })
    })
}

/// It looks after the chat only, and is stopped when the login ends, wherever it waits.
async fn chat(socket: &mut WebSocket, user: &User, lines: &Sender<String>, mut heard: Receiver<String>) {
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    // It fails if nobody listens, and this one does.
                    let _ = lines.send(format!("{}: {text}", user.name));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            line = next(&mut heard) => {
                let Some(line) = line else { return };
                if socket.send(Message::text(line)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The same lines, for who only listens.
async fn events(
    Grant(granted): Grant<User>,
    State(app): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let lines = stream::unfold(app.lines.subscribe(), async |mut heard| {
        let line = next(&mut heard).await?;
        Some((Ok(Event::default().data(line)), heard))
    });
    Sse::new(granted.ended().take_until(lines)).keep_alive(KeepAlive::default())
}

/// The next line. Who is too slow misses some.
async fn next(heard: &mut Receiver<String>) -> Option<String> {
    loop {
        match heard.recv().await {
            Ok(line) => return Some(line),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
