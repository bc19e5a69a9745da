//! A client of the chat: sends each typed line, prints each received line, and finally the reason
//! with which the server closes the socket.
//!
//! ```sh
//! cargo run -p live --bin join ws://127.0.0.1:3000/chat/socket "$TOKEN"
//! ```

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use fauth_core::BoxError;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};

#[tokio::main]
async fn main() -> ExitCode {
    match join().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn join() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(token)) = (arguments.next(), arguments.next()) else {
        return Err("usage: join URL TOKEN".into());
    };
    let mut request = url.into_client_request()?;
    let authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
    request.headers_mut().insert("authorization", authorization);
    let (mut socket, _) = match connect_async(request).await {
        Ok(opened) => opened,
        Err(Error::Http(answer)) => return Err(format!("refused: {}", answer.status()).into()),
        Err(error) => return Err(error.into()),
    };
    say("joined")?;
    let mut typed = BufReader::new(stdin()).lines();
    let mut is_typing = true;
    loop {
        tokio::select! {
            line = typed.next_line(), if is_typing => match line? {
                Some(line) => socket.send(Message::text(line)).await?,
                None => is_typing = false,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => say(&text)?,
                Some(Ok(Message::Close(Some(frame)))) => {
                    return say(&format!("closed: {} {}", u16::from(frame.code), frame.reason));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the connection is gone".into()),
            },
        }
    }
}

fn say(line: &str) -> Result<(), BoxError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
