//! `WebSockets` and server-sent events that end with their authority, on a real socket.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::{
    convert::Infallible,
    future::{pending, ready},
    net,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::{
        Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{any, get},
};
use fauth_axum::{CurrentUser, Grant, SecureRouter, run_until_ended, until_ended};
use fauth_testing::{
    TestUser as User, socket_suite,
    sockets::{Live, Sockets, TICK, ticks},
};
use futures_util::{Stream, StreamExt as _};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    time::{sleep, timeout},
};

async fn echo_all(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn push_all(socket: &mut WebSocket) {
    while socket.send(Message::text("tick")).await.is_ok() {
        sleep(TICK).await;
    }
}

async fn flood_all(socket: &mut WebSocket) {
    while socket.send(Message::binary(vec![0; 65_536])).await.is_ok() {}
}

async fn echo(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    Extension(live): Extension<Live>,
) -> Response {
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket))))
}

async fn push(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    Extension(live): Extension<Live>,
) -> Response {
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(push_all(socket))))
}

async fn flood(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    Extension(live): Extension<Live>,
) -> Response {
    let (helper, ended) = (live.clone(), granted.ended());
    ws.on_upgrade(move |socket| {
        helper.hold(run_until_ended(socket, ended, move |socket| Box::pin(live.handle(flood_all(socket)))))
    })
}

async fn idle(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    Extension(live): Extension<Live>,
) -> Response {
    until_ended(ws, granted.ended(), move |_| Box::pin(live.handle(pending())))
}

async fn brief(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    Extension(live): Extension<Live>,
) -> Response {
    until_ended(ws, granted.ended(), move |_| Box::pin(live.handle(ready(()))))
}

async fn late(
    ws: WebSocketUpgrade,
    Grant(granted): Grant<User>,
    CurrentUser(user): CurrentUser<User>,
    Extension(live): Extension<Live>,
) -> Response {
    live.end(&user).await;
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket))))
}

async fn events(Grant(granted): Grant<User>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = ticks().map(|tick| Ok(Event::default().data(tick)));
    Sse::new(granted.ended().take_until(events)).keep_alive(KeepAlive::default())
}

async fn by_first_message(ws: WebSocketUpgrade, Extension(live): Extension<Live>) -> Response {
    ws.on_upgrade(|socket| chat(socket, live))
}

async fn chat(mut socket: WebSocket, live: Live) {
    let first = timeout(Duration::from_secs(10), socket.recv()).await;
    let Ok(Some(Ok(Message::Text(token)))) = first else { return };
    let Ok(granted) = live.auth().authenticate_token(&token, &Live::requirement()).await else { return };
    run_until_ended(socket, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket)))).await;
}

struct Axum;

impl Sockets for Axum {
    fn serve(live: Live, listener: net::TcpListener) {
        let group = SecureRouter::new(live.auth())
            .require_scopes(["live"])
            .route("/echo", any(echo))
            .route("/push", any(push))
            .route("/flood", any(flood))
            .route("/idle", any(idle))
            .route("/brief", any(brief))
            .route("/late", any(late))
            .route("/events", get(events));
        let app = Router::new()
            .nest_service("/live", group)
            .route("/first", any(by_first_message))
            .layer(Extension(live.clone()))
            .with_state(live.auth().clone());
        Runtime::new().unwrap().block_on(async {
            listener.set_nonblocking(true).unwrap();
            axum::serve(TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    }
}

socket_suite!(Axum);
