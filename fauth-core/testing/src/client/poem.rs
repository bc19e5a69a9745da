//! poem: endpoints.

use poem::{
    Addr, Body, Endpoint, Request, RequestParts,
    http::{self, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};

use super::TestClient;
use crate::{WireRequest, WireResponse};

/// The framework poem, as a parameter of [`TestClient`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Poem {}

impl<E: Endpoint> TestClient<Poem> for E {
    async fn send(&self, request: WireRequest) -> WireResponse {
        let mut builder = http::Request::builder().method(&*request.method).uri(&*request.target);
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_slice());
        }
        // Clients send it, and poem's `SizeLimit` requires it.
        let says_length = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !request.body.is_empty() && !says_length {
            builder = builder.header("content-length", request.body.len());
        }
        let (parts, ()) = builder.body(()).expect("a request that poem can take").into_parts();
        let remote = request.peer.map_or_else(RemoteAddr::default, |peer| RemoteAddr(Addr::SocketAddr(peer)));
        // Like poem's server: a request from poem's own builder does not carry the original path,
        // only what nested routes leave of it.
        let parts = RequestParts::from((parts, LocalAddr::default(), remote, Scheme::HTTP));
        let is_head = request.method == "HEAD";
        let response = self.get_response(Request::from_parts(parts, Body::from(request.body))).await;
        let (parts, body) = response.into_parts();
        // poem leaves the body of an error in the response to HEAD; its server, hyper, does not
        // send it.
        let body =
            if is_head { Vec::new() } else { body.into_vec().await.expect("a body that is sent whole") };
        WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
    }
}
