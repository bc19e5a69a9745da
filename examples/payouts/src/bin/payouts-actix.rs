//! The service on actix-web.

use std::process::ExitCode;

use actix_web::{
    App, Error, HttpRequest, HttpResponse, HttpServer,
    web::{Data, Json, Payload, get, post, resource},
};
use actix_ws::Message;
use fauth_actix::{CurrentUser, Grant, Refused, protect, until_ended};
use fauth_core::{AuthProvider, BoxError, Principal};
use payouts::{
    Feed,
    service::{self, Revocation},
    start,
};
use serde_json::{Value, json};

#[actix_web::main]
async fn main() -> ExitCode {
    start::run("payouts-actix", serve()).await
}

async fn serve() -> Result<(), BoxError> {
    start::log()?;
    let auth = service::provider().await?;
    let (rules, feed) = (service::rules()?, Feed::new());
    let (listener, address) = start::listen("127.0.0.1:3000")?;
    start::say(&format!("payouts-actix listens on http://{address}"))?;
    let app = move || {
        App::new()
            .app_data(Data::new(auth.clone()))
            .app_data(Data::new(feed.clone()))
            .service(resource("/healthz").route(get().to(healthz)))
            .service(resource("/balance").route(get().to(balance)))
            .service(resource("/payouts/create").route(post().to(create)))
            .service(resource("/payouts/live").route(get().to(live)))
            .service(resource("/operator/revocations").route(post().to(revoke)))
            .wrap(protect(&auth, rules.clone()))
    };
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn balance() -> Json<Value> {
    Json(json!({ "balance": 1200 }))
}

async fn create(CurrentUser(principal): CurrentUser<Principal>, feed: Data<Feed>) -> Json<Value> {
    feed.tell(format!("a payout for {}", principal.subject()));
    Json(service::receipt(&principal))
}

/// Every payout as it is made, until the mandate ends.
async fn live(
    request: HttpRequest,
    body: Payload,
    Grant(granted): Grant<Principal>,
    feed: Data<Feed>,
) -> Result<HttpResponse, Error> {
    let mut payouts = feed.watch();
    let opened = actix_ws::handle(&request, body)?;
    Ok(until_ended(opened, granted.ended(), |mut session, mut messages| async move {
        loop {
            let is_open = tokio::select! {
                payout = payouts.recv() => match payout {
                    Ok(payout) => session.text(payout).await.is_ok(),
                    Err(_) => false,
                },
                message = messages.recv() => match message {
                    Some(Ok(Message::Ping(bytes))) => session.pong(&bytes).await.is_ok(),
                    // Nothing is expected from the client, except that it may leave.
                    Some(Ok(message)) => !matches!(message, Message::Close(_)),
                    _ => false,
                },
            };
            if !is_open {
                return;
            }
        }
    }))
}

async fn revoke(
    auth: Data<AuthProvider<Principal>>,
    revocation: Json<Revocation>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(revocation.carry_out(&auth).await?))
}
