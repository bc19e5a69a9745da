//! `WebSockets` that end with the authority of their user.

use std::{future::Future, pin::Pin, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message, OnFailedUpgrade, WebSocket, WebSocketUpgrade, close_code},
    response::Response,
};
use fauth_core::ended::Ended;
use futures_util::future::{Either, select};
use tokio::time::timeout;

/// How long a client has to answer the close frame.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a WebSocket that ends with the authority of its user: when the token expires or is
/// revoked, when the session or the user is logged out, or when the user is disabled or deleted.
/// This includes changes made on other instances; see [`Ended`].
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use fauth_axum::{Grant, SecureRouter, until_ended};
///
/// async fn echo(ws: WebSocketUpgrade, Grant(granted): Grant<User>) -> Response {
///     until_ended(ws, granted.ended(), |socket| {
///         Box::pin(async move {
///             while let Some(Ok(message)) = socket.recv().await {
///                 if socket.send(message).await.is_err() {
///                     break;
///                 }
///             }
///         })
///     })
/// }
///
/// # let auth = fauth_testing::provider().build().unwrap();
/// let live = SecureRouter::new(&auth).require_scopes(["chat"]).route("/echo", any(echo));
/// let app = Router::new().nest_service("/live", live).with_state(auth);
/// # let _: Router = app;
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
/// # use axum::extract::ws::{CloseFrame, Message, WebSocket};
/// # use fauth_axum::fauth_core::ended::Ended;
/// async fn echo(mut socket: WebSocket, mut ended: Ended) {
///     let why = loop {
///         tokio::select! {
///             why = &mut ended => break why,
///             message = socket.recv() => {
///                 let Some(Ok(message)) = message else { return };
///                 if socket.send(message).await.is_err() {
///                     return;
///                 }
///             }
///         }
///     };
///     let frame = CloseFrame { code: why.close_code(), reason: why.as_str().into() };
///     let _ = socket.send(Message::Close(Some(frame))).await;
/// }
/// ```
///
/// # Security
/// In the last example, a client that does not read blocks `send`, and meanwhile the end of the
/// authority goes unnoticed. Put everything that waits into the `select!`, or use this function.
pub fn until_ended<F, H>(upgrade: WebSocketUpgrade<F>, ended: Ended, handler: H) -> Response
where
    F: OnFailedUpgrade,
    H: for<'a> FnOnce(&'a mut WebSocket) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send + 'static,
{
    upgrade.on_upgrade(|socket| run_until_ended(socket, ended, handler))
}

/// Like [`until_ended`], for a socket that is already open, such as one whose client sends its
/// token in the first message.
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use std::time::Duration;
///
/// use axum::extract::ws::{Message, WebSocket};
/// use fauth_axum::{fauth_core::{AuthProvider, Requirement}, run_until_ended};
/// use tokio::time::timeout;
///
/// // In the handler of a route without guard: `ws.on_upgrade(|socket| chat(socket, auth))`.
/// async fn chat(mut socket: WebSocket, auth: AuthProvider<User>) {
///     let first = timeout(Duration::from_secs(10), socket.recv()).await;
///     let Ok(Some(Ok(Message::Text(token)))) = first else { return };
///     let requirement = Requirement::user().scopes(["chat"]);
///     let Ok(granted) = auth.authenticate_token(&token, &requirement).await else { return };
///     run_until_ended(socket, granted.ended(), |socket| {
///         Box::pin(async move {
///             let _ = socket.send(Message::text("Welcome")).await;
///             while let Some(Ok(_)) = socket.recv().await {}
///         })
///     })
///     .await;
/// }
/// ```
///
/// # Security
/// Until the token arrives, anybody can hold a socket open. Set a time limit, as here, and limit
/// the size of messages (`WebSocketUpgrade::max_message_size`).
pub async fn run_until_ended<H>(mut socket: WebSocket, ended: Ended, handler: H)
where
    H: for<'a> FnOnce(&'a mut WebSocket) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
{
    // The end comes first, to stop also a handler that is always ready.
    let frame = match select(ended, handler(&mut socket)).await {
        Either::Left((why, _)) => CloseFrame { code: why.close_code(), reason: why.as_str().into() },
        Either::Right(_) => CloseFrame { code: close_code::NORMAL, reason: "".into() },
    };
    // Do not wait longer for a client that does not read.
    let _ = timeout(CLOSING, close(&mut socket, frame)).await;
}

/// Sends the frame and waits for the client's answer. If a connection is closed with unread data,
/// it is reset, and the client may lose the frame.
async fn close(socket: &mut WebSocket, frame: CloseFrame) {
    // This fails if the client closed first; its frame is answered while the rest is read.
    let _ = socket.send(Message::Close(Some(frame))).await;
    while let Some(Ok(_)) = socket.recv().await {}
}
