//! `WebSockets` that end with the authority of their user.

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

/// How long a client has to answer the close frame.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a WebSocket that ends with the authority of its user: when the token expires or is
/// revoked, when the session or the user is logged out, or when the user is disabled or deleted.
/// This includes changes made on other instances; see [`Ended`].
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
/// The handshake is guarded like any other request: a refusal is answered with 401 or 403, and a
/// handshake with a cookie needs an `Origin` of your own.
///
/// When the authority ends, the handler is dropped at its current `await`, as by `tokio::select!`,
/// and the client receives a close frame with the code 1008 (policy violation, [RFC 6455 section
/// 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)) and the
/// [reason](fauth_core::ended::EndReason::as_str). If the handler returns earlier, the code is
/// 1000. If the client does not read, the connection is closed after five seconds.
///
/// The handler borrows the socket, so no task that it starts can keep the socket open for longer:
/// such a `tokio::spawn` does not compile. To send and receive at the same time, split the socket
/// (`StreamExt::split`) and `tokio::join!` both halves within the handler.
///
/// # By hand
/// [`Ended`] is a future. Clone it and await it wherever work has to end:
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
/// In the last example, a client that does not read blocks `send`, and meanwhile the end of the
/// authority goes unnoticed. Put everything that waits into the `select!`, or use this function.
pub fn until_ended<H>(upgrade: WebSocket, ended: Ended, handler: H) -> Response
where
    H: for<'a> FnOnce(&'a mut WebSocketStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>
        + Send
        + Sync
        + 'static,
{
    upgrade.on_upgrade(|socket| run_until_ended(socket, ended, handler)).into_response()
}

/// Like [`until_ended`], for a socket that is already open, such as one whose client sends its
/// token in the first message.
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
/// Until the token arrives, anybody can hold a socket open. Set a time limit, as here, and limit
/// the size of messages (`WebSocket::config`).
pub async fn run_until_ended<H>(mut socket: WebSocketStream, ended: Ended, handler: H)
where
    H: for<'a> FnOnce(&'a mut WebSocketStream) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
{
    // The end comes first, to stop also a handler that is always ready.
    let message = match select(ended, handler(&mut socket)).await {
        Either::Left((why, _)) => Message::close_with(why.close_code(), why.as_str()),
        Either::Right(_) => Message::close_with(CloseCode::Normal, ""),
    };
    // Do not wait longer for a client that does not read.
    let _ = timeout(CLOSING, close(&mut socket, message)).await;
}

/// Sends the message and waits for the client's answer. If a connection is closed with unread data,
/// it is reset, and the client may lose the message.
async fn close(socket: &mut WebSocketStream, message: Message) {
    // This fails if the client closed first; its message is answered while the rest is read.
    let _ = socket.send(message).await;
    while let Some(Ok(_)) = socket.next().await {}
}
