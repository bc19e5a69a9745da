//! `WebSockets` and server-sent events that end with their authority, on a real socket.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::{
    future::{pending, ready},
    net,
    time::Duration,
};

use fauth_poem::{CurrentUser, Grant, SecureRoute, run_until_ended, until_ended};
use fauth_testing::{
    TestUser as User, socket_suite,
    sockets::{Live, Sockets, TICK, ticks},
};
use futures_util::{SinkExt as _, StreamExt as _};
use poem::{
    EndpointExt as _, IntoResponse as _, Response, Route, Server, get, handler,
    listener::TcpAcceptor,
    web::{
        Data,
        sse::{Event, SSE},
        websocket::{Message, WebSocket, WebSocketStream},
    },
};
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

async fn echo_all(socket: &mut WebSocketStream) {
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn push_all(socket: &mut WebSocketStream) {
    while socket.send(Message::text("tick")).await.is_ok() {
        sleep(TICK).await;
    }
}

async fn flood_all(socket: &mut WebSocketStream) {
    while socket.send(Message::binary(vec![0; 65_536])).await.is_ok() {}
}

#[handler]
fn echo(ws: WebSocket, Grant(granted): Grant<User>, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket))))
}

#[handler]
fn push(ws: WebSocket, Grant(granted): Grant<User>, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(push_all(socket))))
}

#[handler]
fn flood(ws: WebSocket, Grant(granted): Grant<User>, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    let (helper, ended) = (live.clone(), granted.ended());
    ws.on_upgrade(move |socket| {
        helper.hold(run_until_ended(socket, ended, move |socket| Box::pin(live.handle(flood_all(socket)))))
    })
    .into_response()
}

#[handler]
fn idle(ws: WebSocket, Grant(granted): Grant<User>, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    until_ended(ws, granted.ended(), move |_| Box::pin(live.handle(pending())))
}

#[handler]
fn brief(ws: WebSocket, Grant(granted): Grant<User>, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    until_ended(ws, granted.ended(), move |_| Box::pin(live.handle(ready(()))))
}

#[handler]
async fn late(
    ws: WebSocket,
    Grant(granted): Grant<User>,
    CurrentUser(user): CurrentUser<User>,
    Data(live): Data<&Live>,
) -> Response {
    let live = live.clone();
    live.end(&user).await;
    until_ended(ws, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket))))
}

#[handler]
fn events(Grant(granted): Grant<User>) -> SSE {
    SSE::new(granted.ended().take_until(ticks().map(Event::message))).keep_alive(Duration::from_secs(15))
}

#[handler]
fn by_first_message(ws: WebSocket, Data(live): Data<&Live>) -> Response {
    let live = live.clone();
    ws.on_upgrade(|socket| chat(socket, live)).into_response()
}

async fn chat(mut socket: WebSocketStream, live: Live) {
    let first = timeout(Duration::from_secs(10), socket.next()).await;
    let Ok(Some(Ok(Message::Text(token)))) = first else { return };
    let Ok(granted) = live.auth().authenticate_token(&token, &Live::requirement()).await else { return };
    run_until_ended(socket, granted.ended(), move |socket| Box::pin(live.handle(echo_all(socket)))).await;
}

struct Poem;

impl Sockets for Poem {
    fn serve(live: Live, listener: net::TcpListener) {
        let group = SecureRoute::new(live.auth())
            .require_scopes(["live"])
            .at("/echo", get(echo))
            .at("/push", get(push))
            .at("/flood", get(flood))
            .at("/idle", get(idle))
            .at("/brief", get(brief))
            .at("/late", get(late))
            .at("/events", get(events));
        let auth = live.auth().clone();
        let app = Route::new().nest("/live", group).at("/first", get(by_first_message)).data(live).data(auth);
        Runtime::new().unwrap().block_on(async {
            listener.set_nonblocking(true).unwrap();
            let acceptor = TcpAcceptor::from_std(listener).unwrap();
            Server::new_with_acceptor(acceptor).run(app).await.unwrap();
        });
    }
}

socket_suite!(Poem);
