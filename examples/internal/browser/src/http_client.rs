//! How the driver is talked to: HTTP/1.1 to the loopback address, without TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use dialogue::http::{Connection, Request};
use thirtyfour::{
    error::WebDriverResult,
    session::http::{Body, HttpClient},
};

/// The start of a browser on a busy machine, and whatever a page takes to load.
const PATIENCE: Duration = Duration::from_secs(90);

/// The small client of the dialogues. It blocks, which is right in a runtime that nobody shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loopback(pub(crate) SocketAddr);

#[async_trait::async_trait]
impl HttpClient for Loopback {
    async fn send(&self, request: http::Request<Body<'_>>) -> WebDriverResult<http::Response<Bytes>> {
        let mut sent = Request::new(request.method().as_str(), request.uri().path());
        match request.body() {
            Body::Json(json) => sent = sent.json(json),
            Body::Empty => {}
        }
        // The browser inherits the driver's end of the connection, so its end is not waited for.
        let answer = Connection::open(self.0).patience(PATIENCE).send(&sent);
        let mut response = http::Response::new(Bytes::from(answer.body));
        *response.status_mut() = http::StatusCode::from_u16(answer.status).expect("a status");
        Ok(response)
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(*self)
    }
}
