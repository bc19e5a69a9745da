//! Watches the payouts of a service: `MANDATE=… payouts-watch ws://127.0.0.1:3000/payouts/live`.
//! Prints each message, and how the socket was closed.

use std::{env, process::ExitCode};

use fauth_core::BoxError;
use futures_util::StreamExt as _;
use payouts::start;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        http::{HeaderValue, Response, header::AUTHORIZATION},
        protocol::CloseFrame,
    },
};

#[tokio::main]
async fn main() -> ExitCode {
    start::run("payouts-watch", watch()).await
}

async fn watch() -> Result<(), BoxError> {
    let url = env::args().nth(1).ok_or("usage: MANDATE=… payouts-watch ws://HOST:PORT/payouts/live")?;
    let mandate = env::var("MANDATE").map_err(|error| format!("MANDATE: {error}"))?;
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {mandate}"))?);
    let mut socket = match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(tungstenite::Error::Http(response)) => return Err(refusal(&response).into()),
        Err(error) => return Err(error.into()),
    };
    start::say("watching")?;
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(text)) => start::say(&text)?,
            Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                start::say(&format!("closed with {}: {reason}", u16::from(code)))?;
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Before the upgrade, a refusal is an ordinary response.
fn refusal(response: &Response<Option<Vec<u8>>>) -> String {
    let body = response.body().as_deref().unwrap_or_default();
    format!("refused with {} {}", response.status().as_u16(), String::from_utf8_lossy(body))
}
