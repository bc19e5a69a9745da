//! The service on axum.

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    Extension, Json, Router,
    extract::{State, WebSocketUpgrade, ws::Message},
    response::Response,
    routing::{get, post},
};
use fauth_axum::{CurrentUser, Grant, Refused, protect, until_ended};
use fauth_core::{AuthProvider, BoxError, Principal};
use payouts::{
    Feed,
    service::{self, Revocation},
    start,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    start::run("payouts-axum", serve()).await
}

async fn serve() -> Result<(), BoxError> {
    start::log()?;
    let auth = service::provider().await?;
    let app = protect(&auth, service::rules()?).around(routes(auth));
    let (listener, address) = start::listen("127.0.0.1:3000")?;
    start::say(&format!("payouts-axum listens on http://{address}"))?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(TcpListener::from_std(listener)?, app).await?;
    Ok(())
}

fn routes(auth: AuthProvider<Principal>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/balance", get(balance))
        .route("/payouts/create", post(create))
        .route("/payouts/live", get(live))
        .route("/operator/revocations", post(revoke))
        .layer(Extension(Feed::new()))
        .with_state(auth)
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn balance() -> Json<Value> {
    Json(json!({ "balance": 1200 }))
}

async fn create(
    CurrentUser(principal): CurrentUser<Principal>,
    Extension(feed): Extension<Feed>,
) -> Json<Value> {
    feed.tell(format!("a payout for {}", principal.subject()));
    Json(service::receipt(&principal))
}

/// Every payout as it is made, until the mandate ends.
async fn live(
    upgrade: WebSocketUpgrade,
    Grant(granted): Grant<Principal>,
    Extension(feed): Extension<Feed>,
) -> Response {
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
                    message = socket.recv() => matches!(message, Some(Ok(_))),
                };
                if !is_open {
                    return;
                }
            }
        })
    })
}

async fn revoke(
    State(auth): State<AuthProvider<Principal>>,
    Json(revocation): Json<Revocation>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(revocation.carry_out(&auth).await?))
}
