//! `WebSockets` that end with the authority of whom they were opened for.

use std::{future::Future, pin::Pin, time::Duration};

use fauth_core::ended::Ended;
use futures_util::{
    SinkExt as _, StreamExt as _,
    future::{Either, select},
};
use poem::{
    IntoResponse as _, Response,
    web::websocket::{CloseCode, Message, WebSocket, WebSocketStream},
};
use tokio::time::timeout;

/// How long a client has to take note that its socket is closed.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a WebSocket that ends with the authority of whom it was opened for: when the token
/// expires, when its session or its user is logged out, when the token is revoked, when the user is
/// disabled or gone. On other instances too, see [`Ended`].
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use fauth_poem::{Grant, SecureRoute, until_ended};
/// use futures_util::{SinkExt as _, StreamExt as _};
/// use poem::{EndpointExt, Response, Route, get, handler, web::websocket::WebSocket};
///
/// #[handler]
/// async fn echo(ws: WebSocket, Grant(granted): Grant<User>) -> Response {
///     until_ended(ws, granted.ended(), |socket| {
///         Box::pin(async move {
///             while let Some(Ok(message)) = socket.next().await {
///                 if socket.send(message).await.is_err() {
///                     break;
///                 }
///             }
///         })
///     })
/// }
///
/// # let auth = fauth_testing::provider().build().unwrap();
/// let live = SecureRoute::new(&auth).require_scopes(["chat"]).at("/echo", get(echo));
/// let app = Route::new().nest("/live", live).data(auth);
/// # let _ = app;
/// ```
///
/// Until it is opened, the guard decides as about every request: 401 and 403 are answers to the
/// handshake, and a handshake with a cookie needs an `Origin` of your own.
///
/// Once the authority has ended, the handler is stopped where it waits, as by `tokio::select!`, and
/// the client is sent a close frame with the code 1008 (policy violation, [RFC 6455 section
/// 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)) and the
/// [reason](fauth_core::ended::EndReason::as_str). If the handler returns before, the code is 1000.
/// A client that does not read has five seconds; then the connection is cut.
///
/// The handler borrows the socket. So nothing that it starts can keep the socket for longer: the
/// compiler refuses a `tokio::spawn` that does. To send and to receive at the same time, split the
/// socket (`StreamExt::split`) and `tokio::join!` the two, within the handler.
///
/// # By hand
/// [`Ended`] is a future, which is cloned and awaited wherever there is something to end:
///
/// ```
/// # use fauth_poem::fauth_core::ended::Ended;
/// # use futures_util::{SinkExt as _, StreamExt as _};
/// # use poem::web::websocket::{Message, WebSocketStream};
/// async fn echo(mut socket: WebSocketStream, mut ended: Ended) {
///     let why = loop {
///         tokio::select! {
///             why = &mut ended => break why,
///             message = socket.next() => {
///                 let Some(Ok(message)) = message else { return };
///                 if socket.send(message).await.is_err() {
///                     return;
///                 }
///             }
///         }
///     };
///     let _ = socket.send(Message::close_with(why.close_code(), why.as_str())).await;
/// }
/// ```
///
/// # Security
/// In the example by hand, a client that does not read holds `send` back, and the authority ends
/// unnoticed in the meantime: put whatever waits into the `select!`, or let this function do it.
pub fn until_ended<H>(upgrade: WebSocket, ended: Ended, handler: H) -> Response
where
    H: for<'a> FnOnce(&'a mut WebSocketStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>
        + Send
        + Sync
        + 'static,
{
    upgrade.on_upgrade(|socket| run_until_ended(socket, ended, handler)).into_response()
}

/// As [`until_ended`], for a socket that is open: one whose client sends its token as the first
/// message.
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use std::time::Duration;
///
/// use fauth_poem::{fauth_core::{AuthProvider, Requirement}, run_until_ended};
/// use futures_util::{SinkExt as _, StreamExt as _};
/// use poem::web::websocket::{Message, WebSocketStream};
/// use tokio::time::timeout;
///
/// // In the handler of a route without guard: `ws.on_upgrade(|socket| chat(socket, auth))`.
/// async fn chat(mut socket: WebSocketStream, auth: AuthProvider<User>) {
///     let first = timeout(Duration::from_secs(10), socket.next()).await;
///     let Ok(Some(Ok(Message::Text(token)))) = first else { return };
///     let requirement = Requirement::user().scopes(["chat"]);
///     let Ok(granted) = auth.authenticate_token(&token, &requirement).await else { return };
///     run_until_ended(socket, granted.ended(), |socket| {
///         Box::pin(async move {
///             let _ = socket.send(Message::text("Welcome")).await;
///             while let Some(Ok(_)) = socket.next().await {}
///         })
///     })
///     .await;
/// }
/// ```
///
/// # Security
/// Until the token has come, anybody may hold a socket: set a time limit, as here, and limit the
/// size of messages (`WebSocket::config`).
pub async fn run_until_ended<H>(mut socket: WebSocketStream, ended: Ended, handler: H)
where
    H: for<'a> FnOnce(&'a mut WebSocketStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
{
    // The end comes first: a handler that always has something to do is stopped too.
    let message = match select(ended, handler(&mut socket)).await {
        Either::Left((why, _)) => Message::close_with(why.close_code(), why.as_str()),
        Either::Right(_) => Message::close_with(CloseCode::Normal, ""),
    };
    // A client that does not read is no reason to wait for longer.
    let _ = timeout(CLOSING, close(&mut socket, message)).await;
}

/// Sends the message and waits for the answer to it. Who closes a connection with something unread
/// resets it, and the client may lose the message.
async fn close(socket: &mut WebSocketStream, message: Message) {
    // It fails if the client was first, whose message is answered while the rest is read.
    let _ = socket.send(message).await;
    while let Some(Ok(_)) = socket.next().await {}
}
