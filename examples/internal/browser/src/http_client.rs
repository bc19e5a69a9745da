//! How the driver is talked to: HTTP/1.1 to the loopback address, without TLS.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use dialogue::http::{Connection, Request};
use thirtyfour::{
    error::WebDriverResult,
    session::http::{Body, HttpClient},
};

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
        let answer = Connection::exchange(self.0, sent);
        let mut response = http::Response::new(Bytes::from(answer.body));
        *response.status_mut() = http::StatusCode::from_u16(answer.status).expect("a status");
        Ok(response)
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(*self)
    }
}
