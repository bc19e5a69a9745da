//! The service on poem.

use std::process::ExitCode;

use fauth_core::{AuthProvider, BoxError, Principal};
use fauth_poem::{CurrentUser, Grant, Refused, protect, until_ended};
use futures_util::{SinkExt as _, StreamExt as _};
use payouts::{
    Feed,
    service::{self, Revocation},
    start,
};
use poem::{
    EndpointExt as _, Response, Route, Server, get, handler,
    listener::TcpAcceptor,
    post,
    web::{
        Data, Json,
        websocket::{Message, WebSocket},
    },
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    start::run("payouts-poem", serve()).await
}

async fn serve() -> Result<(), BoxError> {
    start::log()?;
    let auth = service::provider().await?;
    let app = Route::new()
        .at("/healthz", get(healthz))
        .at("/balance", get(balance))
        .at("/payouts/create", post(create))
        .at("/payouts/live", get(live))
        .at("/operator/revocations", post(revoke))
        .with(protect(&auth, service::rules()?))
        .data(auth)
        .data(Feed::new());
    let (listener, address) = start::listen("127.0.0.1:3000")?;
    start::say(&format!("payouts-poem listens on http://{address}"))?;
    Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(app).await?;
    Ok(())
}

#[handler]
fn healthz() -> &'static str {
    "ok\n"
}

#[handler]
fn balance() -> Json<Value> {
    Json(json!({ "balance": 1200 }))
}

#[handler]
fn create(CurrentUser(principal): CurrentUser<Principal>, Data(feed): Data<&Feed>) -> Json<Value> {
    feed.tell(format!("a payout for {}", principal.subject()));
    Json(service::receipt(&principal))
}

/// Every payout as it is made, until the mandate ends.
#[handler]
fn live(upgrade: WebSocket, Grant(granted): Grant<Principal>, Data(feed): Data<&Feed>) -> Response {
    let mut payouts = feed.watch();
    until_ended(upgrade, granted.ended(), move |socket| {
        Box::pin(async move {
            loop {
                let is_open = tokio::select! {
                    payout = payouts.recv() => match payout {
                        Ok(payout) => socket.send(Message::text(payout)).await.is_ok(),
                        Err(_) => false,
                    },
                    // Nothing is expected from the client, except that it may leave.
                    message = socket.next() => matches!(message, Some(Ok(_))),
                };
                if !is_open {
                    return;
                }
            }
        })
    })
}

#[handler]
async fn revoke(
    Data(auth): Data<&AuthProvider<Principal>>,
    Json(revocation): Json<Revocation>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(revocation.carry_out(auth).await?))
}
