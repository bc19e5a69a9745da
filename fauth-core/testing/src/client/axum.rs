//! axum, and other services of tower.

use std::{fmt, future::poll_fn};

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::Request,
    response::IntoResponse,
};
use tower_service::Service;

use super::TestClient;
use crate::{WireRequest, WireResponse};

/// The framework axum, as a parameter of [`TestClient`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Axum {}

impl<S> TestClient<Axum> for S
where
    S: Service<Request<Body>> + Clone,
    S::Response: IntoResponse,
    S::Error: fmt::Debug,
{
    async fn send(&self, request: WireRequest) -> WireResponse {
        let mut builder = Request::builder().method(&*request.method).uri(&*request.target);
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_slice());
        }
        // Like `into_make_service_with_connect_info`.
        if let Some(peer) = request.peer {
            builder = builder.extension(ConnectInfo(peer));
        }
        let request = builder.body(Body::from(request.body)).expect("a request that axum can take");
        let mut service = self.clone();
        poll_fn(|context| service.poll_ready(context)).await.expect("a service that is ready");
        let response = service.call(request).await.expect("an answer").into_response();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body that is sent whole");
        WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
    }
}
