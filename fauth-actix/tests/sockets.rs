//! `WebSockets` and server-sent events that end with their authority, on a real socket.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::{
    convert::Infallible,
    future::{pending, ready},
    net::TcpListener,
    time::Duration,
};

use actix_web::{
    App, Error, HttpRequest, HttpResponse, HttpServer,
    rt::{
        System, spawn,
        time::{sleep, timeout},
    },
    web::{Bytes, Data, Payload, get},
};
use actix_ws::{Message, MessageStream, Session};
use fauth_actix::{CurrentUser, Grant, SecureScope, run_until_ended, until_ended};
use fauth_testing::{
    TestUser as User, socket_suite,
    sockets::{Live, Sockets, TICK, ticks},
};
use futures_util::StreamExt as _;

type Answer = Result<HttpResponse, Error>;

async fn echo_all(mut session: Session, mut messages: MessageStream) {
    while let Some(Ok(Message::Text(text))) = messages.recv().await {
        if session.text(text).await.is_err() {
            break;
        }
    }
}

async fn push_all(mut session: Session) {
    while session.text("tick").await.is_ok() {
        sleep(TICK).await;
    }
}

async fn flood_all(mut session: Session) {
    while session.binary(vec![0; 65_536]).await.is_ok() {}
}

async fn echo(request: HttpRequest, body: Payload, Grant(granted): Grant<User>, live: Data<Live>) -> Answer {
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), move |session, messages| {
        live.handle(echo_all(session, messages))
    }))
}

async fn push(request: HttpRequest, body: Payload, Grant(granted): Grant<User>, live: Data<Live>) -> Answer {
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), move |session, _messages| live.handle(push_all(session))))
}

async fn flood(request: HttpRequest, body: Payload, Grant(granted): Grant<User>, live: Data<Live>) -> Answer {
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    let (helper, ended) = (live.clone(), granted.ended());
    spawn(helper.hold(run_until_ended((session, messages), ended, move |session, _messages| {
        live.handle(flood_all(session))
    })));
    Ok(response)
}

async fn idle(request: HttpRequest, body: Payload, Grant(granted): Grant<User>, live: Data<Live>) -> Answer {
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), move |_session, _messages| live.handle(pending())))
}

async fn brief(request: HttpRequest, body: Payload, Grant(granted): Grant<User>, live: Data<Live>) -> Answer {
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), move |_session, _messages| live.handle(ready(()))))
}

async fn late(
    request: HttpRequest,
    body: Payload,
    Grant(granted): Grant<User>,
    CurrentUser(user): CurrentUser<User>,
    live: Data<Live>,
) -> Answer {
    live.end(&user).await;
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), move |session, messages| {
        live.handle(echo_all(session, messages))
    }))
}

async fn events(Grant(granted): Grant<User>) -> HttpResponse {
    let events = ticks().map(|tick| Ok::<_, Infallible>(Bytes::from(format!("data: {tick}\n\n"))));
    HttpResponse::Ok().content_type("text/event-stream").streaming(granted.ended().take_until(events))
}

async fn by_first_message(request: HttpRequest, body: Payload, live: Data<Live>) -> Answer {
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    spawn(chat(session, messages, live));
    Ok(response)
}

async fn chat(session: Session, mut messages: MessageStream, live: Data<Live>) {
    let first = timeout(Duration::from_secs(10), messages.recv()).await;
    let Ok(Some(Ok(Message::Text(token)))) = first else { return };
    let Ok(granted) = live.auth().authenticate_token(&token, &Live::requirement()).await else { return };
    let socket = (session, messages);
    run_until_ended(socket, granted.ended(), move |session, messages| {
        live.handle(echo_all(session, messages))
    })
    .await;
}

struct Actix;

impl Sockets for Actix {
    fn serve(live: Live, listener: TcpListener) {
        let app = move || {
            let group = SecureScope::new("/live", live.auth())
                .require_scopes(["live"])
                .route("/echo", get().to(echo))
                .route("/push", get().to(push))
                .route("/flood", get().to(flood))
                .route("/idle", get().to(idle))
                .route("/brief", get().to(brief))
                .route("/late", get().to(late))
                .route("/events", get().to(events));
            App::new()
                .app_data(Data::new(live.auth().clone()))
                .app_data(Data::new(live.clone()))
                .service(group)
                .route("/first", get().to(by_first_message))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        System::new().block_on(server.run()).unwrap();
    }
}

socket_suite!(Actix);
