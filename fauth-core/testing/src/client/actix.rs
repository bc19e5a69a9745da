//! actix-web: what `test::init_service` returns.

use actix_http::Request;
use actix_web::{
    Error, HttpResponse,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::Method,
    test::TestRequest,
};

use super::TestClient;
use crate::{WireRequest, WireResponse};

/// The framework actix-web, as a parameter of [`TestClient`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Actix {}

impl<S, B> TestClient<Actix> for S
where
    S: Service<Request, Response = ServiceResponse<B>>,
    S::Error: Into<Error>,
    B: MessageBody + 'static,
{
    async fn send(&self, request: WireRequest) -> WireResponse {
        let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
        let mut builder = TestRequest::with_uri(&request.target).method(method.clone());
        for (name, value) in &request.headers {
            builder = builder.append_header((name.as_str(), value.as_slice()));
        }
        if let Some(peer) = request.peer {
            builder = builder.peer_addr(peer);
        }
        // Like actix-web's server with the error of a middleware.
        let response = match self.call(builder.set_payload(request.body).to_request()).await {
            Ok(response) => HttpResponse::from(response).map_into_boxed_body(),
            Err(error) => HttpResponse::from_error(error),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body()).await;
        let body = body.unwrap_or_else(|error| panic!("the body is not sent whole: {error}"));
        // The server's encoder sends no body for HEAD.
        let body = if method == Method::HEAD { Vec::new() } else { body.to_vec() };
        WireResponse::new(status, headers.iter(), body)
    }
}
