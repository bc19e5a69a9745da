//! `WebSockets` that end with the authority of their user.

use std::{future::Future, pin::pin, time::Duration};

use actix_web::{
    HttpResponse,
    rt::{spawn, time::timeout},
};
use actix_ws::{CloseCode, CloseReason, MessageStream, Session};
use fauth_core::ended::Ended;
use futures_util::future::{Either, select};

/// How long a client has to answer the close frame.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a WebSocket that ends with the authority of its user: when the token expires or is
/// revoked, when the session or the user is logged out, or when the user is disabled or deleted.
/// This includes changes made on other instances; see [`Ended`].
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use actix_web::{App, Error, HttpRequest, HttpResponse, web::{Data, Payload, get}};
/// use actix_ws::Message;
/// use fauth_actix::{Grant, SecureScope, until_ended};
///
/// async fn echo(
///     request: HttpRequest, body: Payload, Grant(granted): Grant<User>,
/// ) -> Result<HttpResponse, Error> {
///     let opened = actix_ws::handle(&request, body)?;
///     Ok(until_ended(opened, granted.ended(), |mut session, mut messages| async move {
///         while let Some(Ok(message)) = messages.recv().await {
///             if let Message::Text(text) = message {
///                 if session.text(text).await.is_err() {
///                     break;
///                 }
///             }
///         }
///     }))
/// }
///
/// # let auth = fauth_testing::provider().build().unwrap();
/// let live = SecureScope::new("/live", &auth).require_scopes(["chat"]);
/// let live = live.route("/echo", get().to(echo));
/// let app = App::new().app_data(Data::new(auth)).service(live);
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
/// 1000. If the client does not read, the connection is left to the server after five seconds.
///
/// After the end, no task that the handler started and no clone of the session can send, and the
/// stream of messages ends. The handler must answer the client's pings, as always with `actix_ws`.
///
/// # By hand
/// [`Ended`] is a future. Clone it and await it wherever work has to end:
///
/// ```
/// # use actix_ws::{CloseReason, Message, MessageStream, Session};
/// # use fauth_actix::fauth_core::ended::Ended;
/// async fn echo(mut session: Session, mut messages: MessageStream, mut ended: Ended) {
///     let why = loop {
///         tokio::select! {
///             why = &mut ended => break why,
///             message = messages.recv() => {
///                 let Some(Ok(Message::Text(text))) = message else { return };
///                 if session.text(text).await.is_err() {
///                     return;
///                 }
///             }
///         }
///     };
///     let (code, description) = (why.close_code().into(), Some(why.as_str().to_owned()));
///     let _ = session.close(Some(CloseReason { code, description })).await;
/// }
/// ```
///
/// # Security
/// In the last example, a client that does not read blocks `text`, and meanwhile the end of the
/// authority goes unnoticed. Put everything that waits into the `select!`, or use this function.
///
/// Each worker is one thread, and a single worker watches all open sockets. A handler that blocks
/// its thread delays the end of all of them, also on other workers. Run blocking code in
/// `actix_web::web::block`.
pub fn until_ended<H, R>(
    (response, session, messages): (HttpResponse, Session, MessageStream),
    ended: Ended,
    handler: H,
) -> HttpResponse
where
    H: FnOnce(Session, MessageStream) -> R + 'static,
    R: Future<Output = ()> + 'static,
{
    spawn(run_until_ended((session, messages), ended, handler));
    response
}

/// Like [`until_ended`], for a socket that is already open, such as one whose client sends its
/// token in the first message.
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use std::time::Duration;
///
/// use actix_web::rt::time::timeout;
/// use actix_ws::{Message, MessageStream, Session};
/// use fauth_actix::{fauth_core::{AuthProvider, Requirement}, run_until_ended};
///
/// // In the handler of a route without guard:
/// // `actix_web::rt::spawn(chat(session, messages, auth))`.
/// async fn chat(session: Session, mut messages: MessageStream, auth: AuthProvider<User>) {
///     let first = timeout(Duration::from_secs(10), messages.recv()).await;
///     let Ok(Some(Ok(Message::Text(token)))) = first else { return };
///     let requirement = Requirement::user().scopes(["chat"]);
///     let Ok(granted) = auth.authenticate_token(&token, &requirement).await else { return };
///     let socket = (session, messages);
///     run_until_ended(socket, granted.ended(), |mut session, mut messages| async move {
///         let _ = session.text("Welcome").await;
///         while let Some(Ok(_)) = messages.recv().await {}
///     })
///     .await;
/// }
/// ```
///
/// # Security
/// Until the token arrives, anybody can hold a socket open. Set a time limit, as here, and limit
/// the size of messages (`MessageStream::max_frame_size`).
pub async fn run_until_ended<H, R>((session, messages): (Session, MessageStream), ended: Ended, handler: H)
where
    H: FnOnce(Session, MessageStream) -> R,
    R: Future<Output = ()>,
{
    // The end comes first, to stop also a handler that is always ready.
    let reason = match select(ended, pin!(handler(session.clone(), messages))).await {
        Either::Left((why, _)) => {
            CloseReason { code: why.close_code().into(), description: Some(why.as_str().to_owned()) }
        }
        Either::Right(_) => CloseReason { code: CloseCode::Normal, description: None },
    };
    // Do not wait longer for a client that does not read.
    let _ = timeout(CLOSING, session.close(Some(reason))).await;
}
