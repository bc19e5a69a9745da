//! Clients that hide nothing: of a WebSocket, and of a stream of events.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::RequestHeaders;

/// No answer takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what has to come.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    timeout(PATIENCE, coming).await.expect("it never comes")
}

/// The client's end of a WebSocket.
#[derive(Debug)]
pub(super) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens it; or else the status of the refusal.
    ///
    /// # Errors
    /// The status of a response that is no 101.
    pub(super) async fn open(address: SocketAddr, path: &str, headers: &RequestHeaders) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::try_from(name).unwrap();
            request.headers_mut().append(name, HeaderValue::try_from(value).unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match soon(client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// Sends a text.
    pub(super) async fn send(&mut self, text: &str) {
        soon(self.0.send(Message::text(text))).await.unwrap();
    }

    /// The next message: a text, or else code and reason of the close frame.
    ///
    /// # Errors
    /// What was said at the end.
    pub(super) async fn next(&mut self) -> Result<String, (u16, String)> {
        match soon(self.0.next()).await {
            Some(Ok(Message::Text(text))) => Ok(text.to_string()),
            Some(Ok(Message::Close(Some(frame)))) => Err((frame.code.into(), frame.reason.to_string())),
            other => panic!("neither a text nor an end: {other:?}"),
        }
    }

    /// The next message, which is a text.
    pub(super) async fn text(&mut self) -> String {
        self.next().await.unwrap()
    }

    /// Sends a text and gets it back.
    pub(super) async fn assert_echo(&mut self) {
        self.send("Are you there?").await;
        assert_eq!(self.text().await, "Are you there?");
    }

    /// Closes it from here, as a browser does that leaves the page, and waits for the answer.
    pub(super) async fn leave(mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        soon(self.0.close(Some(frame))).await.unwrap();
        self.rest().await;
    }

    /// Passes over messages up to the close frame: its code and its reason.
    pub(super) async fn closed(&mut self) -> (u16, String) {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("not closed, but: {other:?}"),
            }
        }
    }

    /// Passes over everything up to the end of the connection: the close frame, if one came.
    pub(super) async fn rest(&mut self) -> Option<(u16, String)> {
        let mut closed = None;
        while let Some(Ok(message)) = soon(self.0.next()).await {
            if let Message::Close(frame) = message {
                let frame = frame.expect("a code");
                closed = Some((frame.code.into(), frame.reason.to_string()));
            }
        }
        closed
    }
}

/// The client's end of a stream of server-sent events.
#[derive(Debug)]
pub(super) struct Events {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Events {
    /// Asks for the events.
    pub(super) async fn open(address: SocketAddr, path: &str, headers: &RequestHeaders) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut lines = vec![format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n")];
        lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        stream.write_all((lines.concat() + "\r\n").as_bytes()).await.unwrap();
        Self { stream, seen: Vec::new() }
    }

    /// Waits until this has come so often.
    pub(super) async fn wait_for(&mut self, text: &str, times: usize) {
        let coming = async {
            while String::from_utf8_lossy(&self.seen).matches(text).count() < times {
                assert_ne!(self.stream.read_buf(&mut self.seen).await.unwrap(), 0, "the end before {text}");
            }
        };
        soon(coming).await;
    }

    /// Everything that was read so far.
    pub(super) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits for the end: everything that came.
    pub(super) async fn rest(mut self) -> String {
        soon(self.stream.read_to_end(&mut self.seen)).await.unwrap();
        self.so_far()
    }
}
