//! Responses of axum from those of the core: nothing added, nothing dropped.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
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

/// Makes the changes that a guard demands of the headers of a response.
pub(crate) fn amend(headers: &mut HeaderMap, demands: &Demands) {
    if demands.is_empty() {
        return;
    }
    for change in demands.changes(&Made(headers)) {
        let Some((name, value)) = parse(change.header()) else { continue };
        if change.replaces() {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
}

/// The headers of a response as the handler has made them.
struct Made<'a>(&'a HeaderMap);

impl ResponseHead for Made<'_> {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.0.get_all(name).iter().map(HeaderValue::as_bytes).collect()
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
