//! Responses of axum from those of the core: nothing added, nothing dropped.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use fauth_core::{
    Rejection,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};
use http_body_util::{BodyExt as _, Empty};

/// Turns a [`Reply`] of the core into a response, for endpoints of the application's own.
#[must_use]
pub fn respond(reply: Reply) -> Response {
    let answers_head = reply.answers_head();
    let (status, headers, body) = reply.into_parts();
    let mut response = Response::new(if answers_head { nothing() } else { Body::from(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// No body, of no declared length: of an empty one axum would write `Content-Length: 0`.
fn nothing() -> Body {
    // A mapped body declares no length.
    Body::new(Empty::<Bytes>::new().map_frame(|frame| frame))
}

/// Sets what a grant demands of the response, in place of what the handler may have set.
pub(crate) fn set_headers(response: &mut Response, headers: &[ResponseHeader]) {
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().insert(name, value);
    }
}

/// The core lets no name or value through that this would refuse.
fn parse(header: &ResponseHeader) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name().parse().ok()?, header.value().parse().ok()?))
}

/// What the log advises where nobody has said who decides.
const WIRING: &str = "put a guard in front of the route, or take a `CurrentUser` before the `Token`";

/// What an extractor fails with: the refusal, and the answer to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rejection}")]
pub struct Refused {
    rejection: Rejection,
    reply: Reply,
}

impl Refused {
    pub(crate) const fn new(rejection: Rejection, reply: Reply) -> Self {
        Self { rejection, reply }
    }

    pub(crate) fn without_provider(head: &dyn RequestHead) -> Self {
        let (rejection, reply) = Rejection::without_provider(head, WIRING);
        Self { rejection, reply }
    }

    /// Why the request is refused.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        respond(self.reply)
    }
}
